// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"slices"
	"testing"
	"time"
)

// slowSlot is a slot as its design tells it, with names and no bits.
type slowSlot struct {
	cur, base      uint16
	lookup, record bool
	since          time.Duration
}

func (s *slowSlot) merge(owner uint16, alive func(uint16) bool, now time.Duration) {
	if !alive(s.base) {
		if alive(s.cur) {
			s.base = s.cur
		} else {
			s.base = owner
		}
	}
	if owner != s.cur {
		if s.base == s.cur {
			s.since = now
		}
		s.cur = owner
		s.lookup = true
	}
}

func (s *slowSlot) settle(now, after time.Duration) {
	if s.cur != s.base && now-s.since >= after {
		s.base = s.cur
		s.lookup = true
	}
}

func (s *slowSlot) clear(deviates bool) {
	if s.cur == s.base && !s.record && !deviates {
		s.lookup = false
	}
}

func (s *slowSlot) packed() Slot {
	p := Slot(s.cur) | Slot(s.base)<<15
	if s.lookup {
		p |= 1 << 30
	}
	if s.record {
		p |= 1 << 31
	}
	return p
}

// both are a table of four slots and the slow ones, which bytes tell what to do.
type both struct {
	*testing.T
	ops      []byte
	table    *Table
	slow     []slowSlot
	backends Backends
	now      time.Duration
}

const fuzzSettle = 50 * time.Second

func (b *both) next() (op byte) {
	if len(b.ops) > 0 {
		op, b.ops = b.ops[0], b.ops[1:]
	}
	return op
}

func (b *both) alive(index uint16) bool { return index != 0 && b.backends[index]&Alive != 0 }

// each does the same to all slow slots.
func (b *both) each(do func(i int, s *slowSlot)) {
	for i := range b.slow {
		do(i, &b.slow[i])
	}
}

// step does what the next bytes say, and returns what Table says of it.
func (b *both) step(op byte) (changed bool) {
	switch op {
	case 0: // new owners
		owners := make([]uint16, len(b.slow))
		for i := range owners {
			owners[i] = uint16(b.next()) % uint16(len(b.backends))
		}
		changed = b.table.Merge(owners, b.backends, b.now)
		b.each(func(i int, s *slowSlot) { s.merge(owners[i], b.alive, b.now) })
	case 1: // who is alive
		bits := b.next()
		for i := range b.backends {
			b.backends[i] = Backend(bits >> i & 1)
		}
		changed = b.table.Merge(nil, b.backends, b.now)
		b.each(func(_ int, s *slowSlot) { s.merge(s.cur, b.alive, b.now) })
	case 2: // time
		b.now += time.Duration(b.next()) * time.Second / 4
		at, any := b.table.NextSettle(fuzzSettle)
		if changed = b.table.Settle(b.now, fuzzSettle); changed != (any && at <= b.now) {
			b.Fatalf("at %v the next slot should settle at %v, %v; some did: %v", b.now, at, any, changed)
		}
		b.each(func(_ int, s *slowSlot) { s.settle(b.now, fuzzSettle) })
	case 3:
		changed = b.table.RecordAll()
		b.each(func(_ int, s *slowSlot) { s.record = true })
	case 4: // which slots have records that deviate
		bits := b.next()
		changed = b.table.ClearLookup(func(slot int) bool { return bits>>slot&1 != 0 })
		b.each(func(i int, s *slowSlot) { s.clear(bits>>i&1 != 0) })
	case 5: // a copy goes on, and what becomes of the original doesn't matter
		original := b.table
		b.table = original.Clone()
		original.Merge(make([]uint16, len(b.slow)), make(Backends, 1), b.now)
		original.RecordAll()
	case 6: // another process
		b.table = Adopt(slices.Clone(b.table.Slots()), b.now)
		b.each(func(_ int, s *slowSlot) { s.since = b.now })
	}
	return changed
}

// FuzzTable compares a table with slow slots after each of its methods.
func FuzzTable(f *testing.F) {
	f.Add([]byte{1, 0xff, 0, 1, 2, 3, 4, 2, 5, 0, 2, 2, 3, 4, 2, 255, 4, 0b0101, 1, 0x33})
	f.Add([]byte{1, 0x6f, 0, 1, 1, 1, 1, 3, 0, 2, 2, 2, 2, 5, 2, 60, 6, 2, 200, 4, 0b0101, 0, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, ops []byte) {
		b := &both{T: t, ops: ops, table: New(make([]uint16, 4)), slow: make([]slowSlot, 4), backends: make(Backends, 7)}
		for len(b.ops) > 0 {
			before, op := slices.Clone(b.table.Slots()), b.next()%7
			if changed := b.step(op); op < 5 && changed == slices.Equal(before, b.table.Slots()) {
				t.Fatalf("operation %d says changed %v, from %x to %x", op, changed, before, b.table.Slots())
			}
			b.compare(op)
		}
	})
}

func (b *both) compare(op byte) {
	b.Helper()
	var count Counts
	oldest, moves := time.Duration(0), false
	for i, s := range b.slow {
		if got := b.table.Slots()[i]; got != s.packed() {
			b.Fatalf("after operation %d slot %d is %#x, want %+v", op, i, uint32(got), s)
		}
		switch {
		case s.cur != s.base:
			count.Moving++
			if !moves || s.since < oldest {
				oldest, moves = s.since, true
			}
		case s.lookup || s.record:
			count.Tail++
		default:
			count.Settled++
		}
	}
	if got := b.table.Count(); got != count {
		b.Fatalf("after operation %d it counts %+v, want %+v", op, got, count)
	}
	if at, any := b.table.NextSettle(0); at != oldest || any != moves {
		b.Fatalf("after operation %d the oldest move is since %v, %v, want %v, %v", op, at, any, oldest, moves)
	}
}
