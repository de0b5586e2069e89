// SPDX-License-Identifier: Apache-2.0

package xsk

import "sync"

// slab is how many chunks a cache and the pool exchange at once.
const slab = 64

// pool is the stack of a UMEM's free chunks. Goroutines don't use it packet by
// packet: each has a Cache.
type pool struct {
	mu    sync.Mutex
	addrs []uint64
}

// take moves up to n chunks to dst.
func (p *pool) take(dst []uint64, n int) []uint64 {
	p.mu.Lock()
	from := max(0, len(p.addrs)-n)
	dst = append(dst, p.addrs[from:]...)
	p.addrs = p.addrs[:from]
	p.mu.Unlock()
	return dst
}

// give takes chunks back.
func (p *pool) give(addrs []uint64) {
	p.mu.Lock()
	p.addrs = append(p.addrs, addrs...)
	p.mu.Unlock()
}

// len returns the number of chunks in the pool.
func (p *pool) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.addrs)
}
