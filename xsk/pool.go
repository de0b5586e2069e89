// SPDX-License-Identifier: Apache-2.0

package xsk

import "sync"

// slab is how many chunks a cache and the pool exchange at once.
const slab = 64

// pool is the stack of a UMEM's free chunks. Goroutines don't use it packet by
// packet: each has a Cache.
type pool struct {
	mu   sync.Mutex
	free []uint32 // numbers of chunks
}

// take moves up to n chunks to dst.
func (p *pool) take(dst []uint32, n int) []uint32 {
	p.mu.Lock()
	from := max(0, len(p.free)-n)
	dst = append(dst, p.free[from:]...)
	p.free = p.free[:from]
	p.mu.Unlock()
	return dst
}

// give takes chunks back.
func (p *pool) give(chunks []uint32) {
	p.mu.Lock()
	p.free = append(p.free, chunks...)
	p.mu.Unlock()
}

// len returns the number of chunks in the pool.
func (p *pool) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free)
}
