// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"

	"clearway/internal/testkit"
	"clearway/tracking"
)

// TestForgetting compares with a list in order of use.
func TestForgetting(t *testing.T) {
	type used struct {
		id   uint32
		flow tracking.Flow
	}
	rng := testkit.Rand(t)
	const room = 5
	fast, slow := newForgetting(room), []used(nil)
	for step := range 10_000 {
		id := uint32(rng.IntN(9))
		at := slices.IndexFunc(slow, func(u used) bool { return u.id == id })
		if rng.IntN(2) == 0 {
			f, ok := fast.find(id)
			if ok != (at >= 0) || ok && f != slow[at].flow {
				t.Fatalf("step %d: found %+v, %v of %d in %+v", step, f, ok, id, slow)
			}
			if ok {
				u := slow[at]
				slow = append(slices.Delete(slow, at, at+1), u)
			}
			continue
		}
		u := used{id, tracking.Flow{Backend: uint16(rng.IntN(100))}}
		if !fast.write(id, u.flow) {
			t.Fatalf("step %d: no room", step)
		}
		if at >= 0 {
			slow = slices.Delete(slow, at, at+1)
		}
		slow = append(slow, u)
		slow = slow[max(0, len(slow)-room):]
		if fast.len() != len(slow) {
			t.Fatalf("step %d: it has %d records, want %d", step, fast.len(), len(slow))
		}
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
