// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"

	"clearway/tracking"
)

// TestSets: in one set, a line of what is written in turn, and which are there then.
func TestSets(t *testing.T) {
	start := func(seen uint32) tracking.Flow { return tracking.Flow{Backend: 1, Seen: seen} }
	flow := func(seen uint32) tracking.Flow { return tracking.Flow{Backend: 1, Seen: seen, Confirmed: true} }
	for _, row := range []struct {
		name    string
		written []tracking.Flow // of flow 0, 1, ...
		want    []uint32
	}{
		{"room", []tracking.Flow{start(1), flow(1), start(1), flow(1)}, []uint32{0, 1, 2, 3}},
		{"seen least lately", []tracking.Flow{flow(7), flow(5), flow(6), flow(8), flow(9)}, []uint32{0, 2, 3, 4}},
		{"a start before a flow", []tracking.Flow{flow(1), flow(1), start(8), flow(1), flow(1)}, []uint32{0, 1, 3, 4}},
		{"the oldest start", []tracking.Flow{start(4), start(3), flow(1), start(5), start(6), start(7)}, []uint32{2, 3, 4, 5}},
		{"a start drives out no flow", []tracking.Flow{flow(1), flow(2), flow(3), flow(4), start(5)}, []uint32{0, 1, 2, 3}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newSets(1)
			var got []uint32
			for id, f := range row.written {
				_, kept := slices.BinarySearch(row.want, uint32(id))
				if room := r.write(uint32(id), f); !room && (f.Confirmed || kept) {
					t.Fatalf("no room for %d", id)
				}
			}
			for id, f := range row.written {
				if found, ok := r.find(uint32(id)); ok && found == f {
					got = append(got, uint32(id))
				}
			}
			if !slices.Equal(got, row.want) || r.len() != len(got) {
				t.Errorf("%v are there, of %d, want %v", got, r.len(), row.want)
			}
		})
	}
}

func TestSetsOverwriteAndSweep(t *testing.T) {
	r := newSets(3)
	for id := range uint32(3) {
		r.write(id, tracking.Flow{Backend: 1, Seen: 5})
		r.write(id, tracking.Flow{Backend: uint16(2 + id), Seen: 6})
	}
	if f, _ := r.find(1); r.len() != 3 || f.Backend != 3 {
		t.Errorf("%d records, that of 1 is %+v", r.len(), f)
	}
	r.sweep(func(id uint32, f tracking.Flow) bool { return id == 2 && f.Backend == 4 })
	if _, ok := r.find(1); ok || r.len() != 1 {
		t.Error("a swept record is there")
	}
	if _, ok := r.find(2); !ok {
		t.Error("a record that is kept is not there")
	}
}

func TestRefusing(t *testing.T) {
	r := newRefusing(2)
	for _, row := range []struct {
		id   uint32
		want bool
	}{{1, true}, {2, true}, {3, false}, {1, true}} {
		if got := r.write(row.id, tracking.Flow{Backend: uint16(row.id)}); got != row.want {
			t.Errorf("record %d is taken: %v", row.id, got)
		}
	}
	if _, ok := r.find(3); ok || r.len() != 2 {
		t.Error("a refused record is there")
	}
	r.sweep(func(id uint32, _ tracking.Flow) bool { return id == 1 })
	if _, ok := r.find(2); ok || r.len() != 1 {
		t.Error("a swept record is there")
	}
}
