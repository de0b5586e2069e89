// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"testing"
	"time"
)

// TestMergeSlot has each rule of a new owner for one slot, that moved since 0 if
// it did, at time 10.
func TestMergeSlot(t *testing.T) {
	const moved = 10
	for _, row := range []struct {
		name     string
		slot     string
		backends string
		owner    string
		want     string
		since    time.Duration // if it moves then
	}{
		{"nothing new", "AA", "A", "A", "AA", 0},
		{"settled, moves", "AA", "AB", "B", "BA l", moved},
		{"drains, moves", "AA", "aB", "B", "BA l", moved},
		{"tail, moves", "AA l", "AB", "B", "BA l", moved},
		{"still moves", "BA l", "AB", "B", "BA l", 0},
		{"overlap", "BA l", "ABC", "C", "CA l", 0},
		{"overlap, the one between died", "BA l", "AC", "C", "CA l", 0},
		{"overlap, base died", "BA l", "BC", "C", "CB l", moved},
		{"overlap, base died, the one between drains", "BA l", "bC", "C", "CB l", moved},
		{"back", "BA l", "AB", "A", "AA l", 0},
		{"back to one that accepts no more flows", "BA l", "aB", "A", "AA l", 0},
		{"settled, dies", "AA", "B", "B", "BB l", 0},
		{"tail, dies", "AA l", "B", "B", "BB l", 0},
		{"moving, base dies", "BA l", "B", "B", "BB l", 0},
		{"moving, cur dies", "BA l", "AC", "C", "CA l", 0},
		{"moving, both die", "BA l", "C", "C", "CC l", 0},
		{"returns to the same", "AA", "B", "A", "AA", 0},
		{"nobody's", "--", "A", "A", "AA l", 0},
		{"nobody's stays so", "--", "A", "-", "--", 0},
		{"to nobody", "AA", "", "-", "-- l", 0},
		{"alive, to nobody", "AA", "A", "-", "-A l", moved},
		{"recorded, moves", "AA r", "AB", "B", "BA lr", moved},
		{"recorded, dies", "AA r", "B", "B", "BB lr", 0},
		{"a base that isn't in the list", "BZ l", "B", "B", "BB l", 0},
	} {
		table := tableOf(row.slot)
		backends := backendsOf(row.backends)[:4] // Z is beyond them
		changed := table.Merge(ownersOf(row.owner), backends, moved)
		if got := textOf(table.slots[0]); got != row.want || changed != (row.slot != row.want) {
			t.Errorf("%s: got %s, changed %v, want %s", row.name, got, changed, row.want)
		}
		if table.slots[0].Moving() && table.since[0] != row.since {
			t.Errorf("%s: it moves since %d, want %d", row.name, table.since[0], row.since)
		}
		if table.Merge(ownersOf(row.owner), backends, moved+1) {
			t.Errorf("%s: the same owner again changes the slot to %s", row.name, textOf(table.slots[0]))
		}
	}
}

// TestMergeWithoutOwners is what happens to flows when no backend takes new ones.
func TestMergeWithoutOwners(t *testing.T) {
	table := tableOf("AA", "BA l", "BC l", "CA l", "AA l")
	if !table.Merge(nil, backendsOf("bc"), 5) || table.Merge(nil, backendsOf("bc"), 5) {
		t.Error("it changes the first time, and only then")
	}
	wantSlots(t, table, "AA, BB l, BC l, CC l, AA l")
}

func TestSettle(t *testing.T) {
	table := New(ownersOf("AAAA"))
	backends := backendsOf("AB")
	table.Merge(ownersOf("BAAA"), backends, 10)
	table.Merge(ownersOf("BBAA"), backends, 12)
	table.Merge(ownersOf("BBBA"), backends, 12)
	for _, row := range []struct {
		now     time.Duration
		changed bool
		want    string
		next    time.Duration // 0: none
	}{
		{0, false, "BA l, BA l, BA l, AA", 15},
		{14, false, "BA l, BA l, BA l, AA", 15},
		{15, true, "BB l, BA l, BA l, AA", 17},
		{16, false, "BB l, BA l, BA l, AA", 17},
		{99, true, "BB l, BB l, BB l, AA", 0},
		{999, false, "BB l, BB l, BB l, AA", 0},
	} {
		if changed := table.Settle(row.now, 5); changed != row.changed {
			t.Errorf("at %d: changed %v", row.now, changed)
		}
		wantSlots(t, table, row.want)
		if next, any := table.NextSettle(5); next != row.next || any != (row.next != 0) {
			t.Errorf("at %d: the next settles at %d, %v, want %d", row.now, next, any, row.next)
		}
	}
}

// TestSettleAtOnce is for services that want no time: base never differs.
func TestSettleAtOnce(t *testing.T) {
	table := New(ownersOf("AB"))
	table.Merge(ownersOf("BA"), backendsOf("AB"), 7)
	if next, any := table.NextSettle(0); next != 7 || !any {
		t.Errorf("the next settles at %d, %v, want 7", next, any)
	}
	table.Settle(7, 0)
	wantSlots(t, table, "BB l, AA l")
}

// TestHistories follows one slot through the cases that the package's comment
// and its design list.
func TestHistories(t *testing.T) {
	type step struct {
		at       time.Duration
		backends string
		owner    string // "": none, it settles
		want     string
	}
	const after = 10
	for _, row := range []struct {
		name  string
		steps []step
	}{
		{"a move", []step{{0, "AB", "B", "BA l"}, {9, "AB", "", "BA l"}, {10, "AB", "", "BB l"}}},
		{"an overlap settles when its first move does", []step{
			{0, "ABC", "B", "BA l"}, {6, "ABC", "C", "CA l"}, {9, "ABC", "", "CA l"}, {10, "ABC", "", "CC l"}}},
		{"back in time", []step{{0, "AB", "B", "BA l"}, {5, "AB", "A", "AA l"}, {10, "AB", "", "AA l"}}},
		{"back, and away again: the time starts anew", []step{
			{0, "AB", "B", "BA l"}, {5, "AB", "A", "AA l"}, {8, "AB", "B", "BA l"}, {17, "AB", "", "BA l"}, {18, "AB", "", "BB l"}}},
		{"down, dead, back", []step{
			{0, "aB", "B", "BA l"}, {3, "B", "B", "BB l"}, {4, "AB", "A", "AB l"}, {14, "AB", "", "AA l"}}},
		{"down, back before its flows are given up", []step{{0, "aB", "B", "BA l"}, {3, "AB", "A", "AA l"}}},
		{"returns after a deploy, when others had it", []step{
			{0, "aB", "B", "BA l"}, {10, "aB", "", "BB l"}, {11, "B", "B", "BB l"}, {12, "AB", "A", "AB l"}, {22, "AB", "", "AA l"}}},
		{"the one between dies", []step{
			{0, "ABC", "B", "BA l"}, {5, "AC", "C", "CA l"}, {10, "AC", "", "CC l"}}},
		{"base dies in an overlap: the time of its heir's flows starts anew", []step{
			{0, "ABC", "B", "BA l"}, {5, "BC", "C", "CB l"}, {14, "BC", "", "CB l"}, {15, "BC", "", "CC l"}}},
	} {
		table := tableOf("AA")
		for i, s := range row.steps {
			if s.owner == "" {
				table.Settle(s.at, after)
			} else {
				table.Merge(ownersOf(s.owner), backendsOf(s.backends), s.at)
			}
			if got := textOf(table.slots[0]); got != s.want {
				t.Errorf("%s, step %d: got %s, want %s", row.name, i, got, s.want)
			}
		}
	}
}
