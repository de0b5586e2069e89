// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// tableOf is a table of slots, all of which have moved since 0 if they do.
func tableOf(slots ...string) *Table {
	read := make([]Slot, len(slots))
	for i, s := range slots {
		read[i] = slotOf(s)
	}
	return Adopt(read, 0)
}

func ownersOf(names string) []uint16 {
	owners := make([]uint16, len(names))
	for i := range names {
		owners[i] = backendOf(names[i])
	}
	return owners
}

// wantSlots compares the slots, separated by commas.
func wantSlots(t *testing.T, table *Table, want string) {
	t.Helper()
	var got []string
	for _, s := range table.Slots() {
		got = append(got, textOf(s))
	}
	if g := strings.Join(got, ", "); g != want {
		t.Errorf("got %q, want %q", g, want)
	}
}

func TestNew(t *testing.T) {
	wantSlots(t, New(ownersOf("AB-Z")), "AA, BB, --, ZZ")
	wantSlots(t, New(nil), "")
	if c := New(ownersOf("AB-")).Count(); c != (Counts{Settled: 3}) {
		t.Errorf("a new table has %+v", c)
	}
}

func TestReplace(t *testing.T) {
	table := Replace(ownersOf("AB-"))
	wantSlots(t, table, "AA l, BB l, -- l")
	if table.Recording() {
		t.Error("flows of the new table are being recorded")
	}
}

func TestAdopt(t *testing.T) {
	slots := []Slot{slotOf("AA"), slotOf("BA l"), slotOf("CC lr")}
	table := Adopt(slots, 100)
	if at, any := table.NextSettle(6); at != 106 || !any {
		t.Errorf("the next slot settles at %d, %v, want 106", at, any)
	}
	if table.Settle(105, 6) {
		t.Error("a slot settled early: it isn't known since when it moves")
	}
	if !table.Settle(106, 6) {
		t.Error("no slot settled")
	}
	wantSlots(t, table, "AA, BB l, CC lr")
	if _, any := Adopt([]Slot{slotOf("AA l")}, 0).NextSettle(0); any {
		t.Error("a slot moves, it says")
	}
}

func TestClone(t *testing.T) {
	table := tableOf("AA", "BA l")
	clone := table.Clone()
	if !clone.Merge(ownersOf("BB"), backendsOf("AB"), 50) || !clone.Settle(10, 10) {
		t.Fatal("nothing changed")
	}
	wantSlots(t, clone, "BA l, BB l")
	wantSlots(t, table, "AA, BA l")
	if at, any := table.NextSettle(0); at != 0 || !any {
		t.Errorf("of the original, the next slot settles at %d, %v, want 0", at, any)
	}
	if at, any := clone.NextSettle(0); at != 50 || !any {
		t.Errorf("of the clone, the next slot settles at %d, %v, want 50", at, any)
	}
}

func TestCount(t *testing.T) {
	for _, row := range []struct {
		table     *Table
		want      Counts
		recording bool
	}{
		{tableOf(), Counts{}, false},
		{tableOf("AA", "--", "BA l", "A- l", "AA l", "BB l", "CC l"), Counts{Settled: 2, Moving: 2, Tail: 3}, false},
		{tableOf("AA r", "BA lr"), Counts{Moving: 1, Tail: 1}, true},
	} {
		if got := row.table.Count(); got != row.want || row.table.Recording() != row.recording {
			t.Errorf("got %+v, recording %v, want %+v", got, row.table.Recording(), row)
		}
	}
}

func TestMarkUsed(t *testing.T) {
	used := make([]bool, 6)
	used[5] = true
	tableOf("AA", "BD l", "AA l").MarkUsed(used)
	if want := []bool{false, true, true, false, true, true}; !slices.Equal(used, want) {
		t.Errorf("got %v, want %v", used, want)
	}
}

func TestRecordAll(t *testing.T) {
	table := tableOf("AA", "BA l", "CC l")
	if !table.RecordAll() || table.RecordAll() {
		t.Error("it changes the first time, and only then")
	}
	wantSlots(t, table, "AA r, BA lr, CC lr")
	if !table.Recording() {
		t.Error("it doesn't say that flows are being recorded")
	}
	if table.Merge(ownersOf("BBD"), backendsOf("ABCD"), 0); !table.Settle(0, 0) {
		t.Error("no slot settled")
	}
	wantSlots(t, table, "BB lr, BB lr, DD lr")
	if table.ClearLookup(func(int) bool { return false }) {
		t.Error("slots became settled while flows are being recorded")
	}
}

func TestClearLookup(t *testing.T) {
	table := tableOf("AA l", "BB l", "BA l", "AA r", "AA lr", "AA", "-- l")
	var asked []int
	deviates := func(slot int) bool {
		asked = append(asked, slot)
		return slot == 1
	}
	if !table.ClearLookup(deviates) || table.ClearLookup(deviates) {
		t.Error("it changes the first time, and only then")
	}
	wantSlots(t, table, "AA, BB l, BA l, AA r, AA lr, AA, --")
	if want := []int{0, 1, 6, 1}; !slices.Equal(asked, want) {
		t.Errorf("asked for slots %v, want %v", asked, want)
	}
}

// TestSinceIsForgotten holds the package to its memory: four bytes a slot when
// none moves.
func TestSinceIsForgotten(t *testing.T) {
	backends := backendsOf("AB")
	for _, row := range []struct {
		name string
		end  func(*Table)
	}{
		{"settled", func(t *Table) { t.Settle(time.Hour, time.Minute) }},
		{"returned", func(t *Table) { t.Merge(ownersOf("AA"), backends, 1) }},
		{"died", func(t *Table) { t.Merge(ownersOf("BB"), backendsOf("B"), 1) }},
	} {
		table := New(ownersOf("AA"))
		if table.since != nil {
			t.Fatal("a settled table remembers times")
		}
		table.Merge(ownersOf("BB"), backends, 0)
		if table.since == nil {
			t.Fatal("a table that moves doesn't remember since when")
		}
		if row.end(table); table.since != nil {
			t.Errorf("%s: times are remembered of slots that don't move", row.name)
		}
	}
}
