// SPDX-License-Identifier: Apache-2.0

package lpm

// pool says which of the blocks, or of the shortcuts, are in use.
type pool struct {
	total      int
	used       int
	fresh      uint32   // this one and all above were never used
	free       []uint32 // used before
	quarantine []uint32 // unlinked, but a reader may be in them
}

// newPool makes one of total, of which the first are in use for ever.
func newPool(first, total int) pool {
	return pool{total: total, used: first, fresh: uint32(first)}
}

// available returns how many times take can be called.
func (p *pool) available() int {
	return p.total - p.used - len(p.quarantine)
}

// take returns one that is not in use. One must be available.
func (p *pool) take() uint32 {
	p.used++
	if n := len(p.free); n > 0 {
		number := p.free[n-1]
		p.free = p.free[:n-1]
		return number
	}
	p.fresh++
	return p.fresh - 1
}

// retire puts one into quarantine.
func (p *pool) retire(number uint32) {
	p.used--
	p.quarantine = append(p.quarantine, number)
}

func (p *pool) reclaim() {
	p.free = append(p.free, p.quarantine...)
	p.quarantine = p.quarantine[:0]
}
