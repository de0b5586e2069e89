// SPDX-License-Identifier: Apache-2.0

package lpm

// blocks says which blocks are in use. The roots always are.
type blocks struct {
	total      int
	used       int
	fresh      uint32   // this block and all above were never used
	free       []uint32 // used before
	quarantine []uint32 // unlinked, but a reader may be in them
	live       []uint16 // for each child block: prefixes that end in it, and children
}

func newBlocks(total int) blocks {
	return blocks{total: total, used: RootBlocks, fresh: RootBlocks, live: make([]uint16, total)}
}

// available returns how many blocks take can be called for.
func (b *blocks) available() int {
	return b.total - b.used - len(b.quarantine)
}

// take returns a block with nothing living in it. One must be available.
func (b *blocks) take() uint32 {
	b.used++
	if n := len(b.free); n > 0 {
		block := b.free[n-1]
		b.free = b.free[:n-1]
		return block
	}
	b.fresh++
	return b.fresh - 1
}

// retire puts a block into quarantine.
func (b *blocks) retire(block uint32) {
	b.used--
	b.quarantine = append(b.quarantine, block)
}

func (b *blocks) reclaim() {
	b.free = append(b.free, b.quarantine...)
	b.quarantine = b.quarantine[:0]
}
