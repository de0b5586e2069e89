// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"math/rand/v2"
	"testing"

	"clearway/internal/testkit"
)

func TestNumbersStayAndRest(t *testing.T) {
	rng := testkit.Rand(t)
	const first, limit = 1, 9
	present := numbering[int]{}
	for step := range 5000 {
		wanted := randomKeys(rng, 6)
		next, err := present.assign(wanted, first, limit, "things")
		if err != nil {
			if fits(present, wanted, limit-first) {
				t.Fatalf("step %d: %v → %v: %v", step, present, wanted, err)
			}
			present = numbering[int]{} // as a new generation does
			continue
		}
		checkNumbers(t, present, next, wanted, first, limit)
		present = next
	}
}

// fits: everything that is new finds a number that was not in use.
func fits(present numbering[int], wanted []int, room int) bool {
	all := map[int]bool{}
	for k := range present {
		all[k] = true
	}
	for _, k := range wanted {
		all[k] = true
	}
	return len(all) <= room
}

func checkNumbers(t *testing.T, present, next numbering[int], wanted []int, first, limit int) {
	t.Helper()
	if len(next) != distinct(wanted) {
		t.Fatalf("%v numbers %d things, want %d", next, len(next), distinct(wanted))
	}
	holder := map[uint32]int{}
	for k, n := range present {
		holder[n] = k
	}
	seen := map[uint32]bool{}
	for _, k := range wanted {
		n, ok := next[k]
		if !ok || int(n) < first || int(n) >= limit {
			t.Fatalf("%d has number %d (%v)", k, n, ok)
		}
		if old, was := present[k]; was && old != n {
			t.Fatalf("%d was renumbered from %d to %d", k, old, n)
		}
		if old, was := holder[n]; was && old != k {
			t.Fatalf("%d got number %d, which %d had a moment ago", k, n, old)
		}
	}
	for _, n := range next {
		if seen[n] {
			t.Fatalf("number %d given twice: %v", n, next)
		}
		seen[n] = true
	}
}

// randomKeys may name one twice, as L3 interfaces on one device do.
func randomKeys(rng *rand.Rand, most int) []int {
	keys := make([]int, rng.IntN(most+1))
	for i := range keys {
		keys[i] = rng.IntN(10)
	}
	return keys
}

func TestNumbersAreKeptForTheAbsent(t *testing.T) {
	n, err := numbering[string]{}.keep([]string{"a", "b"}, 3, "interfaces")
	if err != nil {
		t.Fatal(err)
	}
	again, err := n.keep([]string{"c"}, 3, "interfaces")
	if err != nil {
		t.Fatal(err)
	}
	if again["a"] != n["a"] || again["b"] != n["b"] || len(again) != 3 {
		t.Errorf("a and b had %v, have %v", n, again)
	}
	if _, err := again.keep([]string{"d"}, 3, "interfaces"); err == nil {
		t.Error("a fourth found a number among three")
	}
}

func TestLimitErrorCountsThingsOnce(t *testing.T) {
	var limit *LimitError
	_, err := numbering[int]{}.assign([]int{7, 7, 8, 8, 9}, 1, 3, "l3-interfaces")
	if !errors.As(err, &limit) || *limit != (LimitError{"l3-interfaces", 2, 3}) {
		t.Errorf("%v", err)
	}
	want := "limits.l3-interfaces is 2, but 3 are needed: raise it"
	if err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
