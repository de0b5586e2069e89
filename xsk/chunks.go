// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"math/bits"
	"sync/atomic"
)

// geometry says which addresses are in which chunk.
type geometry struct {
	size uint64 // bytes of a chunk
	// reciprocal is 2⁶⁴/size, rounded up: the upper half of an address times it is
	// the chunk's number, exactly so below 2⁵². That is a multiplication instead
	// of a division for each packet, for chunks of any size.
	reciprocal uint64
}

func newGeometry(size uint64) geometry { return geometry{size, ^uint64(0)/size + 1} }

// index returns the number of the chunk at an address. For addresses from 2⁵² on
// it may be too large by one, which is no chunk either.
func (g geometry) index(at uint64) uint64 {
	n, _ := bits.Mul64(at, g.reciprocal)
	return n
}

// crosses tells whether a chunk lies on more than one page of a size.
func (g geometry) crosses(n int, page uint64) bool {
	first := uint64(n) * g.size
	return first/page != (first+g.size-1)/page
}

// chunks says who owns each chunk of a UMEM. Its loops keep what they need in
// registers, which the compiler can't do for fields beside stores.
type chunks struct {
	geometry
	tags       []tag
	unaligned  bool
	room       uint64 // bytes that a metadata request takes before a packet
	unexpected atomic.Uint64
}

func (c *chunks) init(n int, size uint64) {
	c.geometry, c.tags = newGeometry(size), make([]tag, n)
}

// receive takes over what the kernel has put on an RX ring.
func (c *chunks) receive(descs []Desc, from tag) {
	if c.unaligned {
		flatten(descs)
	}
	g, tags := c.geometry, c.tags
	unexpected := 0
	for i := range descs {
		n := g.index(descs[i].Addr)
		if n >= uint64(len(tags)) || tags[n] != from {
			unexpected++
			continue
		}
		tags[n] = received
	}
	c.surprise(unexpected)
}

// surprise counts what the kernel returned and didn't own.
func (c *chunks) surprise(n int) {
	if n > 0 {
		c.unexpected.Add(uint64(n))
	}
}

// send hands descriptors to the kernel. It stops at the first that must not be
// sent and returns its index, or len(descs).
func (c *chunks) send(descs []Desc, to tag, allowed uint32) int {
	n, options := c.mark(descs, to)
	if options != 0 {
		return c.sendOptions(descs[:n], allowed)
	}
	return n
}

// mark does the work of send, but for options: it returns all that there are.
//
//go:noinline
func (c *chunks) mark(descs []Desc, to tag) (n int, options uint32) {
	g, tags := c.geometry, c.tags
	for i := range descs {
		d := &descs[i]
		n := g.index(d.Addr)
		// A length of 0 becomes one that is too large.
		if n >= uint64(len(tags)) || !tags[n].held() || uint64(d.Len)-1 >= (n+1)*g.size-d.Addr {
			return i, options
		}
		options |= d.Options
		tags[n] = to
	}
	return len(descs), options
}

// sendOptions looks at the options of descriptors that are sent otherwise, and
// takes them back from the first on that must not be.
func (c *chunks) sendOptions(descs []Desc, allowed uint32) int {
	for i := range descs {
		if !c.optionsFit(&descs[i], allowed) {
			c.unsend(descs[i:])
			return i
		}
	}
	return len(descs)
}

// optionsFit tells whether the options are allowed, and a metadata request lies
// inside the chunk.
func (c *chunks) optionsFit(d *Desc, allowed uint32) bool {
	if d.Options&^allowed != 0 {
		return false
	}
	return d.Options&Metadata == 0 || c.room > 0 && d.Addr-c.index(d.Addr)*c.size >= c.room
}

// unsend takes descriptors back that send has marked.
func (c *chunks) unsend(descs []Desc) {
	for i := range descs {
		c.tags[c.index(descs[i].Addr)] = received
	}
}

// putAll frees chunks that the program holds and writes their numbers to freed,
// which has room for them. It stops at the first that it doesn't hold and
// returns its index, or len(descs).
func (c *chunks) putAll(descs []Desc, freed []uint32) (bad int) {
	g, tags := c.geometry, c.tags
	freed = freed[:len(descs)]
	for i := range descs {
		n := g.index(descs[i].Addr)
		if n >= uint64(len(tags)) || !tags[n].held() {
			return i
		}
		tags[n] = free
		freed[i] = uint32(n)
	}
	return len(descs)
}

// completeAll takes over what the kernel has sent, writes the numbers of the
// chunks to done, which has room for them, and returns how many there are.
// Completed addresses may be nonsense if what was submitted was, so it leaves
// out what the kernel didn't have to send.
func (c *chunks) completeAll(entries []uint64, done []uint32, from tag) (n int) {
	g, tags := c.geometry, c.tags
	done = done[:len(entries)]
	for _, addr := range entries {
		number := g.index(addr)
		if number >= uint64(len(tags)) || tags[number] != from {
			continue
		}
		tags[number] = free
		done[n] = uint32(number)
		n++
	}
	c.surprise(len(entries) - n)
	return n
}

// take takes a free chunk for each descriptor, for packets that start room
// bytes into them. Chunks in pool and caches are always good.
//
// Inlined, it would find too few registers, and be half as fast; so would fill.
//
//go:noinline
func (c *chunks) take(descs []Desc, chunks []uint32, room uint64) {
	g, tags := c.geometry, c.tags
	for i, n := range chunks[:len(descs)] {
		descs[i] = Desc{Addr: uint64(n)*g.size + room}
		tags[n] = taken
	}
}

// fill gives the kernel a free chunk for each entry.
//
//go:noinline
func (c *chunks) fill(entries []uint64, chunks []uint32, to tag) {
	g, tags := c.geometry, c.tags
	for i, n := range chunks[:len(entries)] {
		entries[i] = uint64(n) * g.size
		tags[n] = to
	}
}

// reclaim turns the tags of all chunks that the kernel has through a queue into
// another and returns their numbers.
//
// Other queues' chunks may change hands meanwhile: those reads race, but never
// see a tag of this queue, whose owners have stopped; hence norace.
//
//go:norace
func (c *chunks) reclaim(queue int, to tag) (numbers []uint32) {
	for n, t := range c.tags {
		if t == filling.on(queue) || t == sending.on(queue) {
			c.tags[n] = to
			numbers = append(numbers, uint32(n))
		}
	}
	return numbers
}

// any tells whether a chunk has a tag. As in reclaim, reads of others' tags race.
//
//go:norace
func (c *chunks) any(of tag) bool {
	for _, t := range c.tags {
		if t == of {
			return true
		}
	}
	return false
}

// Counts says who owns how many chunks of a UMEM.
type Counts struct {
	Free        int // in the pool and in caches
	Taken       int // the program's, from a cache
	Received    int // the program's, from an RX ring
	Filling     int // the kernel's, to receive
	Sending     int // the kernel's, to send
	Quarantined int // not used again: the kernel kept them when a queue was closed
	Unusable    int // never used: unaligned chunks that lie on two huge pages
	// Unexpected counts descriptors that the kernel returned and didn't own: not
	// of chunks, but of events. The chunks stayed with their owners.
	Unexpected uint64
}

// count reads all tags. While chunks move, the counts are of about now.
//
//go:norace
func (c *chunks) count() Counts {
	var n [unusable + 1]int
	for _, t := range c.tags {
		n[t.state()]++
	}
	return Counts{n[free], n[taken], n[received], n[filling], n[sending], n[quarantined], n[unusable], c.unexpected.Load()}
}
