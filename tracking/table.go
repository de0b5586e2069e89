// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"slices"
	"time"
)

// Table is the slots of a service, and since when those that move do. All times
// are of one clock that doesn't stand still, such as the time since boot. It is
// not safe for concurrent use.
type Table struct {
	slots []Slot
	since []time.Duration // of the slots that move; nil while none does
}

// New returns a table all of whose slots are settled: slot i belongs to backend
// owners[i], 1 to [MaxBackend], or to nobody if that is 0.
func New(owners []uint16) *Table {
	t := &Table{slots: make([]Slot, len(owners))}
	for i, owner := range owners {
		t.slots[i] = settled(owner)
	}
	return t
}

// Replace returns the table that takes the place of one with another number of
// slots, or whose flows are hashed in another way. Flows whose records name
// other backends than the new owners keep them, which is why all flows should
// have been recorded before: see [Table.RecordAll].
func Replace(owners []uint16) *Table {
	t := New(owners)
	for i := range t.slots {
		t.slots[i] |= lookup
	}
	return t
}

// Adopt returns the table of slots that a former process left. It keeps them.
// Since it isn't known how long those that move have done so, they start anew.
func Adopt(slots []Slot, now time.Duration) *Table {
	t := &Table{slots: slots}
	for i, s := range slots {
		if s.Moving() {
			t.moves(i, now)
		}
	}
	return t
}

// Clone returns a copy.
func (t *Table) Clone() *Table {
	return &Table{slots: slices.Clone(t.slots), since: slices.Clone(t.since)}
}

// Slots are the slots themselves: they must not be changed, and change with the
// table.
func (t *Table) Slots() []Slot { return t.slots }

// Counts are the numbers of slots in each state. Every slot is in one.
type Counts struct {
	Settled int // nothing is looked up
	Moving  int // new flows go elsewhere than those without a record
	Tail    int // all those go to one backend, but there may be records of others
}

// Count counts the slots.
func (t *Table) Count() Counts {
	var c Counts
	for _, s := range t.slots {
		switch {
		case s.Moving():
			c.Moving++
		case s.Settled():
			c.Settled++
		default:
			c.Tail++
		}
	}
	return c
}

// Recording says that all flows are being recorded: see [Table.RecordAll].
func (t *Table) Recording() bool { return len(t.slots) > 0 && t.slots[0].Record() }

// MarkUsed sets used[i] for each backend i that a slot names. The index of a
// backend that has left may be given to another one only when no table names it
// and, after that, all records have been gone through and none names it: else
// the other one inherits flows. used must have room for all of them.
func (t *Table) MarkUsed(used []bool) {
	for _, s := range t.slots {
		used[s.Cur()] = true
		used[s.Base()] = true
	}
}

func (t *Table) moves(slot int, since time.Duration) {
	if t.since == nil {
		t.since = make([]time.Duration, len(t.slots))
	}
	t.since[slot] = since
}
