// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"testing"
)

var (
	start  = Packet{Start: true}
	middle = Packet{}
	reset  = Packet{NoRecord: true}
)

// TestChoose has each rule of the data path. Records were seen at 100, now it is
// 200, and they are refreshed when 150 old.
func TestChoose(t *testing.T) {
	confirmed := func(name byte) *Flow { return &Flow{Backend: backendOf(name), Confirmed: true, Seen: 100} }
	started := func(name byte) *Flow { return &Flow{Backend: backendOf(name), Seen: 100} }
	for _, row := range []struct {
		name     string
		slot     string
		backends string
		packet   Packet
		record   *Flow
		choice   Choice
		backend  byte
		write    string // name, and ' for confirmed; "" for none
		full     byte   // 0 for none
	}{
		{"settled, start", "AA", "A", start, nil, ChoiceSettled, 'A', "", 0},
		{"settled, other", "AA", "A", middle, nil, ChoiceSettled, 'A', "", 0},
		{"settled, dead", "AA", "", middle, nil, ChoiceSettled, 'A', "", 0},
		{"settled, nobody's", "--", "A", start, nil, ChoiceSettled, '-', "", 0},

		{"moving, start", "BA l", "AB", start, nil, ChoiceNewCur, 'B', "B", 'A'},
		{"moving, start, base drains", "BA l", "aB", start, nil, ChoiceNewCur, 'B', "B", 'B'},
		{"moving, start, base dead", "BA l", "B", start, nil, ChoiceNewCur, 'B', "B", 'B'},
		{"moving, other", "BA l", "AB", middle, nil, ChoiceNewBase, 'A', "A'", 'A'},
		{"moving, other, base drains", "BA l", "aB", middle, nil, ChoiceNewBase, 'A', "A'", 'A'},
		{"moving, other, base dead", "BA l", "B", middle, nil, ChoiceCur, 'B', "", 0},
		{"moving, reset", "BA l", "AB", reset, nil, ChoiceBase, 'A', "", 0},
		{"moving, reset, base dead", "BA l", "B", reset, nil, ChoiceCur, 'B', "", 0},
		{"tail, start", "AA l", "AB", start, nil, ChoiceCur, 'A', "", 0},
		{"tail, other", "AA l", "AB", middle, nil, ChoiceCur, 'A', "", 0},
		{"tail, reset", "AA l", "AB", reset, nil, ChoiceCur, 'A', "", 0},
		{"tail, dead", "AA l", "", middle, nil, ChoiceCur, 'A', "", 0},

		{"recorded, other", "AA l", "AB", middle, confirmed('B'), ChoiceRecord, 'B', "", 0},
		{"recorded, first other", "AA l", "AB", middle, started('B'), ChoiceRecord, 'B', "B'", 0},
		{"recorded, reset", "BA l", "AB", reset, confirmed('B'), ChoiceRecord, 'B', "", 0},
		{"recorded, start again", "BA l", "AB", start, started('B'), ChoiceRecord, 'B', "", 0},
		{"recorded, port reused", "AA l", "AB", start, confirmed('B'), ChoiceRecord, 'B', "", 0},
		{"recorded, drains, other", "AA l", "Ab", middle, confirmed('B'), ChoiceRecord, 'B', "", 0},
		{"recorded, drains, port reused", "AA l", "Ab", start, confirmed('B'), ChoiceCur, 'A', "A", 0},
		{"recorded, drains, port reused, moving", "CA l", "AbC", start, confirmed('B'), ChoiceNewCur, 'C', "C", 'A'},
		{"recorded, dead, start", "AA l", "A", start, confirmed('B'), ChoiceCur, 'A', "A", 0},
		{"recorded, dead, other", "AA l", "A", middle, confirmed('B'), ChoiceCur, 'A', "A'", 0},
		{"recorded, dead, reset", "AA l", "A", reset, confirmed('B'), ChoiceCur, 'A', "", 0},
		{"recorded, dead, other, moving", "CA l", "AC", middle, confirmed('B'), ChoiceNewBase, 'A', "A'", 'A'},
		{"recorded, dead, reset, moving", "CA l", "AC", reset, confirmed('B'), ChoiceBase, 'A', "", 0},
		{"recorded, dead, other, base too", "CA l", "C", middle, confirmed('B'), ChoiceCur, 'C', "C'", 0},

		{"all recorded, start", "AA r", "A", start, nil, ChoiceNewCur, 'A', "A", 'A'},
		{"all recorded, start, drains", "AA r", "a", start, nil, ChoiceNewCur, 'A', "A", 'A'},
		{"all recorded, other", "AA r", "A", middle, nil, ChoiceNewCur, 'A', "A'", 'A'},
		{"all recorded, reset", "AA r", "A", reset, nil, ChoiceCur, 'A', "", 0},
		{"all recorded, moving, other", "BA lr", "AB", middle, nil, ChoiceNewBase, 'A', "A'", 'A'},
		{"all recorded, moving, base dead", "BA lr", "B", middle, nil, ChoiceNewCur, 'B', "B'", 'B'},
		{"all recorded, found", "AA r", "A", middle, confirmed('A'), ChoiceRecord, 'A', "", 0},
	} {
		clock := Clock{Seconds: 200, Refresh: 150}
		want := Decision{Choice: row.choice, Backend: backendOf(row.backend)}
		if row.write != "" {
			want.Write = true
			want.Record = Flow{Backend: backendOf(row.write[0]), Confirmed: len(row.write) == 2, Seen: 200}
		}
		if row.full != 0 {
			want.Full = backendOf(row.full)
		}
		var before Flow
		if row.record != nil {
			before = *row.record
		}
		if got := Choose(slotOf(row.slot), row.packet, row.record, backendsOf(row.backends), clock); got != want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, want)
		}
		if row.record != nil && *row.record != before {
			t.Errorf("%s: it changed the record itself", row.name)
		}
	}
}

// TestRefresh is about how often a record is written, times wrapping included.
func TestRefresh(t *testing.T) {
	for _, row := range []struct {
		seen, now uint32
		write     bool
	}{
		{100, 100, false}, {100, 249, false}, {100, 250, true}, {100, 1000, true},
		{0xffff_ffff, 148, false}, {0xffff_ffff, 149, true},
	} {
		r := Flow{Backend: 2, Confirmed: true, Seen: row.seen}
		want := Decision{Choice: ChoiceRecord, Backend: 2}
		if row.write {
			want.Write, want.Record = true, Flow{Backend: 2, Confirmed: true, Seen: row.now}
		}
		if got := Choose(slotOf("AA l"), middle, &r, backendsOf("AB"), Clock{row.now, 150}); got != want {
			t.Errorf("seen at %d, now %d: got %+v", row.seen, row.now, got)
		}
	}
}

// TestChooseAll compares Choose with the rule as it is designed, for all that it
// can be given with three backends.
func TestChooseAll(t *testing.T) {
	clock := Clock{Seconds: 1000, Refresh: 450}
	cases := 0
	for s := range slotsOf(3) {
		for _, p := range []Packet{start, middle, reset} {
			for r := range recordsOf(3) {
				for flags := range backendsWith(3) {
					for _, room := range []bool{true, false} {
						want := oracle{slot: s, packet: p, backends: flags, now: clock.Seconds, room: room}
						got := want
						if r != nil {
							a, b := *r, *r
							want.record, got.record = &a, &b
						}
						want.choose()
						got.carryOut(Choose(s, p, r, flags, clock))
						if !got.equals(want) {
							t.Fatalf("slot %s, %+v, record %v, flags %v, room %v:\n got %v\nwant %v",
								textOf(s), p, r, flags, room, got, want)
						}
						cases++
					}
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}
