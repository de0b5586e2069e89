// SPDX-License-Identifier: Apache-2.0

package xsk

import "sync/atomic"

// Completion is the ring on which the kernel returns the chunks that it has
// sent, in any order. It belongs to the goroutine that sends. Sockets on the
// same queue share it, and must take turns.
type Completion struct {
	ring   *consumer[uint64]
	tag    tag
	closed *atomic.Bool
}

// Collect moves the chunks that were sent into a cache. Returns how many
// entries there were. [TX.Kick] collects too.
func (c *Completion) Collect(cache *Cache) int {
	if c.closed.Load() {
		return 0
	}
	return c.collect(cache)
}

func (c *Completion) collect(cache *Cache) int {
	a, b := c.ring.peek(c.ring.size())
	n := len(a) + len(b)
	if n == 0 {
		return 0
	}
	cache.collect(a, c.tag)
	cache.collect(b, c.tag)
	c.ring.release(uint32(n))
	return n
}

// Each calls fn with the address of each chunk that was sent, which is the
// program's from then on: to read the timestamp ([UMEM.Timestamp]), to put it
// into a cache, or to send it again. Use it instead of Collect, and [TX.Kick]
// without a cache, where what was sent matters.
func (c *Completion) Each(u *UMEM, fn func(addr uint64)) int {
	if c.closed.Load() {
		return 0
	}
	a, b := c.ring.peek(c.ring.size())
	for _, span := range [2][]uint64{a, b} {
		for _, addr := range span {
			var buf [1]uint32
			if u.chunks.completeAll([]uint64{addr}, buf[:], c.tag) == 1 {
				u.chunks.tags[buf[0]] = taken
				fn(addr)
			}
		}
	}
	n := len(a) + len(b)
	if n > 0 {
		c.ring.release(uint32(n))
	}
	return n
}
