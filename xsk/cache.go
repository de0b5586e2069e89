// SPDX-License-Identifier: Apache-2.0

package xsk

// Cache is one goroutine's stock of a UMEM's free chunks. It holds up to twice
// 64 of them, and exchanges 64 with the others' common pool when it is empty or
// full. It is not safe for concurrent use.
//
// A goroutine that forwards needs one cache: what is sent on one port comes
// back through it to be filled on the other.
type Cache struct {
	umem *UMEM
	free []uint32 // numbers of chunks
}

// NewCache returns an empty cache.
func (u *UMEM) NewCache() *Cache {
	return &Cache{umem: u, free: make([]uint32, 0, 2*slab)}
}

// Get takes a free chunk and returns its address, or false if there is none.
// The chunk is the program's, to be sent or put back.
func (c *Cache) Get() (addr uint64, ok bool) {
	if len(c.free) == 0 && !c.refill() {
		return 0, false
	}
	last := len(c.free) - 1
	n := c.free[last]
	c.free = c.free[:last]
	c.umem.chunks.tags[n] = taken
	return uint64(n) * c.umem.chunks.size, true
}

// GetAll takes a free chunk for each descriptor, as long as there are any, and
// returns for how many. It sets Addr to where a packet should start, as
// [UMEM.Start] says, and the rest to 0. The chunks are the program's.
func (c *Cache) GetAll(descs []Desc) (got int) {
	room := c.umem.Start(0)
	for got < len(descs) && (len(c.free) > 0 || c.refill()) {
		n := min(len(c.free), len(descs)-got)
		rest := len(c.free) - n
		c.umem.chunks.take(descs[got:got+n], c.free[rest:], room)
		c.free = c.free[:rest]
		got += n
	}
	return got
}

// Put frees a chunk that is the program's: one that it took, or received. Any
// address inside the chunk will do. Returns a *[ChunkError] if the chunk isn't
// the program's: it was freed, sent or filled before, or is outside the UMEM.
func (c *Cache) Put(addr uint64) error {
	return c.PutAll([]Desc{{Addr: addr}})
}

// PutAll frees the chunks of received descriptors. It frees all that can be,
// and returns the first error of [Cache.Put].
func (c *Cache) PutAll(descs []Desc) (err error) {
	for len(descs) > 0 {
		n := min(len(descs), c.room())
		bad := c.umem.chunks.putAll(descs[:n], c.free[len(c.free):cap(c.free)])
		c.free = c.free[:len(c.free)+bad]
		if bad < n {
			if err == nil {
				err = c.umem.chunks.chunkError("put", descs[bad], false)
			}
			bad++
		}
		descs = descs[bad:]
	}
	return err
}

// Flush gives all chunks of the cache to the pool, for others to use. Call it
// when the goroutine ends.
func (c *Cache) Flush() {
	c.umem.pool.give(c.free)
	c.free = c.free[:0]
}

// fill moves free chunks to the entries of a fill ring. It returns how many.
func (c *Cache) fill(entries []uint64, to tag) (filled int) {
	for filled < len(entries) && (len(c.free) > 0 || c.refill()) {
		n := min(len(c.free), len(entries)-filled)
		rest := len(c.free) - n
		c.umem.chunks.fill(entries[filled:filled+n], c.free[rest:], to)
		c.free = c.free[:rest]
		filled += n
	}
	return filled
}

// collect moves the chunks that a completion ring returns into the cache.
func (c *Cache) collect(entries []uint64, from tag) {
	for len(entries) > 0 {
		n := min(len(entries), c.room())
		done := c.umem.chunks.completeAll(entries[:n], c.free[len(c.free):cap(c.free)], from)
		c.free = c.free[:len(c.free)+done]
		entries = entries[n:]
	}
}

// room makes room for at least a slab of chunks, and returns for how many.
func (c *Cache) room() int {
	if len(c.free) > slab {
		c.umem.pool.give(c.free[slab:])
		c.free = c.free[:slab]
	}
	return cap(c.free) - len(c.free)
}

func (c *Cache) refill() bool {
	c.free = c.umem.pool.take(c.free, slab)
	return len(c.free) > 0
}
