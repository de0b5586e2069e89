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

// index returns the number of the chunk at a flat address.
func (g geometry) index(at uint64) uint64 {
	n, _ := bits.Mul64(at, g.reciprocal)
	return n
}

// chunks says who owns each chunk of a UMEM. Its loops keep what they need in
// registers, which the compiler can't do for fields beside stores.
type chunks struct {
	geometry
	tags       []tag
	room       uint64 // bytes that a metadata request takes before a packet
	unexpected atomic.Uint64
}

func (c *chunks) init(n int, size uint64) {
	c.geometry, c.tags = newGeometry(size), make([]tag, n)
}

// receive takes over what the kernel has put on an RX ring.
func (c *chunks) receive(descs []Desc, from tag) {
	g, tags := c.geometry, c.tags
	for i := range descs {
		n := g.index(flat(descs[i].Addr))
		if n >= uint64(len(tags)) || tags[n] != from {
			c.unexpected.Add(1)
			continue
		}
		tags[n] = received
	}
}

// send hands descriptors to the kernel. It stops at the first that must not be
// sent and returns its index, or len(descs).
func (c *chunks) send(descs []Desc, to tag) int {
	g, tags := c.geometry, c.tags
	for i := range descs {
		d := &descs[i]
		at := flat(d.Addr)
		n := g.index(at)
		if n >= uint64(len(tags)) || !tags[n].held() ||
			d.Len == 0 || at+uint64(d.Len) > (n+1)*g.size ||
			d.Options != 0 && !c.optionsFit(d, at-n*g.size) {
			return i
		}
		tags[n] = to
	}
	return len(descs)
}

// optionsFit tells whether the options are known ones, and a metadata request
// lies inside the chunk.
func (c *chunks) optionsFit(d *Desc, offset uint64) bool {
	if d.Options&^(Continued|Metadata) != 0 {
		return false
	}
	return d.Options&Metadata == 0 || c.room > 0 && offset >= c.room
}

// unsend takes descriptors back that send has marked.
func (c *chunks) unsend(descs []Desc) {
	for i := range descs {
		c.tags[c.index(flat(descs[i].Addr))] = received
	}
}

// putAll frees chunks that the program holds and appends their numbers to
// freed. It stops at the first that it doesn't hold and returns its index, or
// len(descs).
func (c *chunks) putAll(descs []Desc, freed []uint32) (_ []uint32, bad int) {
	g, tags := c.geometry, c.tags
	for i := range descs {
		n := g.index(flat(descs[i].Addr))
		if n >= uint64(len(tags)) || !tags[n].held() {
			return freed, i
		}
		tags[n] = free
		freed = append(freed, uint32(n))
	}
	return freed, len(descs)
}

// completeAll takes over what the kernel has sent and appends the chunks to
// done. Completed addresses may be nonsense if what was submitted was, so it
// leaves out what the kernel didn't have to send.
func (c *chunks) completeAll(entries []uint64, done []uint32, from tag) []uint32 {
	g, tags := c.geometry, c.tags
	for _, addr := range entries {
		n := g.index(flat(addr))
		if n >= uint64(len(tags)) || tags[n] != from {
			c.unexpected.Add(1)
			continue
		}
		tags[n] = free
		done = append(done, uint32(n))
	}
	return done
}

// take takes a free chunk for each descriptor, for packets that start room
// bytes into them. Chunks in pool and caches are always good.
func (c *chunks) take(descs []Desc, chunks []uint32, room uint64) {
	g, tags := c.geometry, c.tags
	for i, n := range chunks[:len(descs)] {
		descs[i] = Desc{Addr: uint64(n)*g.size + room}
		tags[n] = taken
	}
}

// fill gives the kernel a free chunk for each entry.
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
	// Unexpected counts descriptors that the kernel returned and didn't own: not
	// of chunks, but of events. The chunks stayed with their owners.
	Unexpected uint64
}

// count reads all tags. While chunks move, the counts are of about now.
//
//go:norace
func (c *chunks) count() Counts {
	var n [quarantined + 1]int
	for _, t := range c.tags {
		n[t.state()]++
	}
	return Counts{n[free], n[taken], n[received], n[filling], n[sending], n[quarantined], c.unexpected.Load()}
}
