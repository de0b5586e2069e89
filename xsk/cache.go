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
	free []uint64
}

// NewCache returns an empty cache.
func (u *UMEM) NewCache() *Cache {
	return &Cache{umem: u, free: make([]uint64, 0, 2*slab)}
}

// Get takes a free chunk and returns its address, or false if there is none.
// The chunk is the program's, to be sent or put back.
func (c *Cache) Get() (addr uint64, ok bool) {
	if len(c.free) == 0 && !c.refill() {
		return 0, false
	}
	addr = c.pop()
	c.umem.chunks.tags[c.umem.chunks.index(addr)] = taken
	return addr, true
}

// Put frees a chunk that is the program's: one that it took, or received. Any
// address inside the chunk will do. Returns a *[ChunkError] if the chunk isn't
// the program's: it was freed, sent or filled before, or is of another UMEM.
func (c *Cache) Put(addr uint64) error {
	chunk, ok := c.umem.chunks.put(addr)
	if !ok {
		return c.umem.chunks.chunkError("put", Desc{Addr: addr}, false)
	}
	c.push(chunk)
	return nil
}

// PutAll frees the chunks of received descriptors. It frees all that can be,
// and returns the first error of [Cache.Put].
func (c *Cache) PutAll(descs []Desc) (err error) {
	for i := range descs {
		chunk, ok := c.umem.chunks.put(descs[i].Addr)
		if ok {
			c.push(chunk)
		} else if err == nil {
			err = c.umem.chunks.chunkError("put", descs[i], false)
		}
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
func (c *Cache) fill(entries []uint64, to tag) int {
	tags, reciprocal := c.umem.chunks.tags, &c.umem.chunks
	for i := range entries {
		if len(c.free) == 0 && !c.refill() {
			return i
		}
		addr := c.pop()
		if n := reciprocal.index(addr); n < uint64(len(tags)) {
			tags[n] = to
		}
		entries[i] = addr
	}
	return len(entries)
}

// collect moves the chunks that a completion ring returns into the cache.
func (c *Cache) collect(entries []uint64, from tag) {
	for _, addr := range entries {
		if chunk, ok := c.umem.chunks.complete(addr, from); ok {
			c.push(chunk)
		}
	}
}

func (c *Cache) pop() uint64 {
	last := len(c.free) - 1
	addr := c.free[last]
	c.free = c.free[:last]
	return addr
}

func (c *Cache) push(chunk uint64) {
	if len(c.free) == cap(c.free) {
		c.umem.pool.give(c.free[slab:])
		c.free = c.free[:slab]
	}
	c.free = append(c.free, chunk)
}

func (c *Cache) refill() bool {
	c.free = c.umem.pool.take(c.free, slab)
	return len(c.free) > 0
}
