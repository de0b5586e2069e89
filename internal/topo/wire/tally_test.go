// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"slices"
	"testing"

	"clearway/internal/testkit"
)

// slowTally remembers everything and counts at the end.
type slowTally struct{ arrivals []uint64 }

func (s slowTally) doubled() (n uint64) {
	for i, seq := range s.arrivals {
		if slices.Contains(s.arrivals[:i], seq) {
			n++
		}
	}
	return n
}

func (s slowTally) reordered() (n uint64) {
	for i, seq := range s.arrivals {
		before := s.arrivals[:i]
		if i > 0 && !slices.Contains(before, seq) && slices.Max(before) > seq {
			n++
		}
	}
	return n
}

func (s slowTally) lost(sent uint64) (n uint64, ranges []Range) {
	for seq := range sent {
		if slices.Contains(s.arrivals, seq) {
			continue
		}
		if n++; len(ranges) > 0 && ranges[len(ranges)-1].Last == seq-1 {
			ranges[len(ranges)-1].Last = seq
		} else {
			ranges = append(ranges, Range{seq, seq})
		}
	}
	return n, ranges
}

func TestTallyAgainstSlowOne(t *testing.T) {
	r := testkit.Rand(t)
	for range 300 {
		sent := r.Uint64N(400)
		var fast tally
		var slow slowTally
		for seq := range sent {
			at := len(slow.arrivals)
			switch r.IntN(10) {
			case 0: // lost
				continue
			case 1: // late
				at = r.IntN(at + 1)
			case 2:
				slow.arrivals = append(slow.arrivals, seq)
			}
			slow.arrivals = slices.Insert(slow.arrivals, at, seq)
		}
		for _, seq := range slow.arrivals {
			fast.add(seq, true)
		}
		lost, ranges := fast.lost(sent, 1000)
		wantLost, wantRanges := slow.lost(sent)
		if lost != wantLost || !slices.Equal(ranges, wantRanges) || fast.altered != 0 ||
			fast.doubled != slow.doubled() || fast.reordered != slow.reordered() {
			t.Fatalf("%v, %d sent: lost %d %v, doubled %d, reordered %d; want %d %v, %d, %d", slow.arrivals, sent,
				lost, ranges, fast.doubled, fast.reordered, wantLost, wantRanges, slow.doubled(), slow.reordered())
		}
	}
}

// Numbers on both sides of a page's end, and one far out.
func TestTallyPages(t *testing.T) {
	var y tally
	for seq := uint64(pageSize - 2); seq < pageSize+2; seq++ {
		y.add(seq, true)
	}
	y.add(1<<63, true)
	y.add(0, false)
	n, ranges := y.lost(pageSize+3, 8)
	if want := []Range{{0, pageSize - 3}, {pageSize + 2, pageSize + 2}}; n != pageSize-1 || !slices.Equal(ranges, want) {
		t.Errorf("lost %d %v, want %d %v", n, ranges, pageSize-1, want)
	}
	if y.received != 6 || y.altered != 1 || len(y.pages) != 3 {
		t.Errorf("received %d, altered %d, %d pages", y.received, y.altered, len(y.pages))
	}
	if _, ranges := y.lost(pageSize+3, 1); len(ranges) != 1 {
		t.Errorf("asked for one range, got %v", ranges)
	}
}

// Every single bit of a payload matters.
func TestPayloadShowsAlteration(t *testing.T) {
	p := newPayload(7, 64)
	writePayload(p, 1<<40+5)
	if seq, ok := readPayload(p, 7, 64); !ok || seq != 1<<40+5 {
		t.Fatalf("got %d %v", seq, ok)
	}
	for bit := range len(p) * 8 {
		p[bit/8] ^= 1 << (bit % 8)
		if _, ok := readPayload(p, 7, 64); ok {
			t.Errorf("bit %d was altered unseen", bit)
		}
		p[bit/8] ^= 1 << (bit % 8)
	}
	for _, short := range [][]byte{nil, p[:8], p[:63], append(p, 0)} {
		if _, ok := readPayload(short, 7, 64); ok {
			t.Errorf("%d bytes instead of 64 were accepted", len(short))
		}
	}
}
