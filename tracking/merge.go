// SPDX-License-Identifier: Apache-2.0

package tracking

import "time"

// Merge gives the slots to new owners, of whom there are as many as slots, and
// says whether a slot changed. Flows that are there already stay where they are:
// those without a record belong to the slot's base, which changes only if that
// backend isn't alive any more.
//
// It must be called, with the same owners if need be, whenever a backend stops
// being alive, before it is alive again: else flows that went on elsewhere
// would come back. Without owners (nil) each slot keeps the one it has.
func (t *Table) Merge(owners []uint16, backends Backends, now time.Duration) (changed bool) {
	moving := false
	for i, s := range t.slots {
		owner := s.Cur()
		if owners != nil {
			owner = owners[i]
		}
		merged, starts := s.merge(owner, backends)
		if starts {
			t.moves(i, now)
		}
		if merged != s {
			t.slots[i] = merged
			changed = true
		}
		moving = moving || merged.Moving()
	}
	if !moving {
		t.since = nil
	}
	return changed
}

// merge returns the slot with a new owner, and whether it starts to move by
// that. If it moves already, base stays, and so does the time that its flows
// have left to be recorded: those of the owners between are recorded anyway.
func (s Slot) merge(owner uint16, backends Backends) (merged Slot, starts bool) {
	cur, base, bits := s.Cur(), s.Base(), s&(lookup|record)
	if !backends.are(base, Alive) {
		base = owner
		if backends.are(cur, Alive) {
			base = cur
		}
	}
	if owner != cur {
		starts = base == cur
		cur = owner
		bits |= lookup
	}
	return Slot(cur) | Slot(base)<<baseShift | bits, starts
}

// Settle ends the moves of those slots that have moved for the time after, and
// says whether there were any. By then all flows of their former owners that
// weren't silent for so long have been recorded.
func (t *Table) Settle(now, after time.Duration) (changed bool) {
	if t.since == nil {
		return false
	}
	moving := false
	for i, s := range t.slots {
		switch {
		case !s.Moving():
		case now-t.since[i] >= after:
			t.slots[i] = settled(s.Cur()) | lookup | s&record
			changed = true
		default:
			moving = true
		}
	}
	if !moving {
		t.since = nil
	}
	return changed
}

// NextSettle returns when [Table.Settle] with the same argument will have
// something to do next, if any slot moves.
func (t *Table) NextSettle(after time.Duration) (at time.Duration, any bool) {
	if t.since == nil {
		return 0, false
	}
	for i, s := range t.slots {
		if s.Moving() && (!any || t.since[i]+after < at) {
			at, any = t.since[i]+after, true
		}
	}
	return at, any
}

// RecordAll has all flows recorded from now on, and says whether they were not
// already. After the time to settle, [Replace] moves none that is not silent;
// there is no other way back.
func (t *Table) RecordAll() (changed bool) {
	for i, s := range t.slots {
		t.slots[i] = s | record
		changed = changed || !s.Record()
	}
	return changed
}

// ClearLookup makes those slots settled that have no record left that deviates,
// which means that it names another backend than the slot, and says whether
// there were any. It asks about slots whose flows are no longer recorded, so
// that there can't be a new one since the records were gone through.
func (t *Table) ClearLookup(deviates func(slot int) bool) (changed bool) {
	for i, s := range t.slots {
		if s == settled(s.Cur())|lookup && !deviates(i) {
			t.slots[i] = s &^ lookup
			changed = true
		}
	}
	return changed
}
