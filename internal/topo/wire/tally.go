// SPDX-License-Identifier: Apache-2.0

package wire

import "math/bits"

// tally keeps the account of what a receiver got of a flow. Its zero value is
// ready. Memory is one bit a packet, and a page where a stray number falls.
type tally struct {
	received, doubled, altered, reordered uint64

	next  uint64 // above the highest sequence number seen
	pages map[uint64]*page
}

// page tells which of pageSize consecutive sequence numbers were seen.
type page [pageSize / 64]uint64

const pageSize = 1 << 16

// add counts a packet; ok is false for an altered one, whose number is void.
func (t *tally) add(seq uint64, ok bool) {
	t.received++
	if !ok {
		t.altered++
		return
	}
	p := t.pages[seq/pageSize]
	if p == nil {
		if t.pages == nil {
			t.pages = make(map[uint64]*page)
		}
		p = new(page)
		t.pages[seq/pageSize] = p
	}
	word, bit := &p[seq%pageSize/64], uint64(1)<<(seq%64)
	switch {
	case *word&bit != 0:
		t.doubled++
	case seq < t.next:
		t.reordered++
	}
	*word |= bit
	t.next = max(t.next, seq+1)
}

// lost returns how many of the first sent sequence numbers were not seen, and
// the first ranges of them, at most maxRanges.
func (t *tally) lost(sent uint64, maxRanges int) (n uint64, ranges []Range) {
	for base := uint64(0); base < sent; base += 64 {
		missing := ^t.word(base)
		if left := sent - base; left < 64 {
			missing &= 1<<left - 1
		}
		n += uint64(bits.OnesCount64(missing))
		for ; missing != 0; missing &= missing - 1 {
			seq := base + uint64(bits.TrailingZeros64(missing))
			if last := len(ranges) - 1; last >= 0 && ranges[last].Last+1 == seq {
				ranges[last].Last = seq
			} else if len(ranges) < maxRanges {
				ranges = append(ranges, Range{seq, seq})
			}
		}
	}
	return n, ranges
}

// word returns the bits of 64 sequence numbers from a multiple of 64 on.
func (t *tally) word(base uint64) uint64 {
	if p := t.pages[base/pageSize]; p != nil {
		return p[base%pageSize/64]
	}
	return 0
}
