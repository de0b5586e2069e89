// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"clearway/internal/testkit"
)

// TestPaper builds the table of the paper's section 3.4, before and after B1 is
// removed.
func TestPaper(t *testing.T) {
	b0, b1, b2 := list{slot: 3, skip: 4, weight: 1, backend: 0}, list{slot: 0, skip: 2, weight: 1, backend: 1}, list{slot: 3, skip: 1, weight: 1, backend: 2}
	for _, row := range []struct {
		lists []list
		want  Table
	}{
		{[]list{b0, b1, b2}, Table{1, 0, 1, 0, 2, 2, 0}},
		{[]list{b0, b2}, Table{0, 0, 0, 0, 2, 2, 2}},
	} {
		b := Builder{lists: slices.Clone(row.lists)}
		got := make(Table, 7)
		b.schedule(len(got))
		b.fill(got)
		if !slices.Equal(got, row.want) {
			t.Errorf("%d backends: got %v, want %v", len(row.lists), got, row.want)
		}
	}
}

// TestSchedule holds the turns to the picture in the package's documentation.
func TestSchedule(t *testing.T) {
	b := Builder{lists: []list{{weight: 4}, {weight: 2}, {weight: 3}}}
	b.schedule(18)
	var got strings.Builder
	for _, i := range b.turns {
		got.WriteByte("abc"[i])
	}
	if want := "abc" + "ac" + "abc" + "a" + "abc" + "ac" + "abc" + "a"; got.String() != want {
		t.Errorf("got  %s\nwant %s", got.String(), want)
	}
}

// randomBackends are n backends with names and weights of all kinds, at least
// one of which is not 0.
func randomBackends(rng *rand.Rand, n int) []Backend {
	scale := []uint32{1, 2, 10, 1000, 1<<32 - 1}[rng.IntN(5)]
	backends := make([]Backend, n)
	for i := range backends {
		backends[i] = Backend{Name: fmt.Sprintf("%0*d-%x", rng.IntN(20), i, rng.Uint32()), Weight: 1 + rng.Uint32N(scale)}
		if rng.IntN(8) == 0 {
			backends[i].Weight = 0
		}
	}
	backends[rng.IntN(n)].Weight = scale
	return backends
}

func mustBuild(t testing.TB, size int, seed uint64, backends []Backend) Table {
	t.Helper()
	table, err := Build(size, seed, backends)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestOracle compares random tables with the paper's pseudocode. One builder
// makes them all, so that nothing of a table before can leak into the next.
func TestOracle(t *testing.T) {
	rng := testkit.Rand(t)
	var b Builder
	for range 400 {
		size := nextPrime(1 + rng.IntN(600))
		backends := randomBackends(rng, 1+rng.IntN(min(size, 40)))
		seed := rng.Uint64()
		got := slices.Repeat(Table{1<<16 - 1}, size)
		if err := b.Build(got, seed, backends); err != nil {
			t.Fatalf("size %d, %+v: %v", size, backends, err)
		}
		if want := oracle(size, seed, backends); !slices.Equal(got, want) {
			t.Fatalf("size %d, seed %d, %+v:\ngot  %v\nwant %v", size, seed, backends, got, want)
		}
	}
}

// TestFull has as many backends as slots: each gets one, whatever it weighs.
func TestFull(t *testing.T) {
	const size = 1021
	table := mustBuild(t, size, 1, backendsOf(size, func(i int) uint32 { return uint32(1 + i%7) }))
	slices.Sort(table)
	for i, owner := range table {
		if int(owner) != i {
			t.Fatalf("backend %d has no slot: %v", i, table)
		}
	}
}

// TestMostBackends is the largest number of backends, one of which has nearly
// all the weight.
func TestMostBackends(t *testing.T) {
	const size = 131071
	table := mustBuild(t, size, 1, backendsOf(MaxBackends, func(i int) uint32 {
		if i == MaxBackends-1 {
			return 1<<32 - 1
		}
		return 1
	}))
	shares := sharesOf(table, MaxBackends)
	for i, share := range shares[:MaxBackends-1] {
		if share != 1 {
			t.Fatalf("backend %d has %d slots, want 1", i, share)
		}
	}
	if want := size - MaxBackends + 1; shares[MaxBackends-1] != want {
		t.Errorf("the heaviest has %d slots, want %d", shares[MaxBackends-1], want)
	}
}

// TestOrder shuffles the backends: the same ones own the same slots.
func TestOrder(t *testing.T) {
	rng := testkit.Rand(t)
	for range 20 {
		backends := randomBackends(rng, 1+rng.IntN(50))
		before := mustBuild(t, 1021, 7, backends)
		shuffled := slices.Clone(backends)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		after := mustBuild(t, 1021, 7, shuffled)
		for slot := range before {
			if was, is := backends[before[slot]], shuffled[after[slot]]; was != is {
				t.Fatalf("slot %d went from %+v to %+v", slot, was, is)
			}
		}
	}
}

// TestScale multiplies all weights: only their ratio matters. Backends without
// one might as well not be there.
func TestScale(t *testing.T) {
	backends := []Backend{{"a", 3}, {"b", 5}, {"c", 1}}
	scaled := []Backend{{"a", 3 << 28}, {"b", 5 << 28}, {"c", 1 << 28}, {"aa", 0}}
	if !slices.Equal(mustBuild(t, 509, 1, backends), mustBuild(t, 509, 1, scaled)) {
		t.Error("weights in another scale gave another table")
	}
}

// TestSeed: both halves of a list depend on the seed, so that tables of two
// seeds agree by chance only.
func TestSeed(t *testing.T) {
	backends := backendsOf(10, nil)
	a, b := mustBuild(t, 4093, 1, backends), mustBuild(t, 4093, 2, backends)
	equal := 0
	for slot := range a {
		if a[slot] == b[slot] {
			equal++
		}
	}
	// One in ten, with a standard deviation of 19.
	if equal < 309 || equal > 509 {
		t.Errorf("%d of 4093 slots are equal, want about 409", equal)
	}
}

func TestErrors(t *testing.T) {
	for _, row := range []struct {
		name     string
		size     int
		backends []Backend
		is       error
		text     string
	}{
		{"no slots", 0, backendsOf(1, nil), ErrNotPrime, "size is not prime: 0 slots, the next prime is 2"},
		{"one slot", 1, backendsOf(1, nil), ErrNotPrime, "size is not prime: 1 slots, the next prime is 2"},
		{"negative", -7, backendsOf(1, nil), ErrNotPrime, "size is not prime: -7 slots, the next prime is 2"},
		{"not prime", 1000, backendsOf(1, nil), ErrNotPrime, "size is not prime: 1000 slots, the next prime is 1009"},
		{"last not prime", MaxSize - 1, backendsOf(1, nil), ErrNotPrime, "size is not prime: 16777212 slots, the next prime is 16777213"},
		{"too large", MaxSize + 1, backendsOf(1, nil), ErrTooLarge, "size is too large: 16777214 slots, 16777213 are possible"},
		{"too small", 251, backendsOf(252, nil), ErrTooSmall, "fewer slots than backends: 251 slots, 252 backends with a weight"},
		{"no backends", 251, nil, ErrNoBackend, "no backend has a weight above 0: 0 backends"},
		{"no weights", 251, make([]Backend, 3), ErrNoBackend, "no backend has a weight above 0: 3 backends"},
		{"too many", 131071, backendsOf(1<<16, nil), ErrTooManyBackends, "too many backends: 65536, 65535 are possible"},
		{"duplicate", 251, []Backend{{"b", 1}, {"a", 1}, {"b", 0}}, ErrDuplicate, `backends of the same name: "b", at index 0 and 2`},
	} {
		t.Run(row.name, func(t *testing.T) {
			table, err := Build(row.size, 1, row.backends)
			if !errors.Is(err, row.is) || err.Error() != row.text || table != nil {
				t.Errorf("got %v, %v", table, err)
			}
			if row.size < 0 || row.size > MaxSize {
				return
			}
			dst := slices.Repeat(Table{9}, row.size)
			if err := new(Builder).Build(dst, 1, row.backends); !errors.Is(err, row.is) {
				t.Errorf("builder: got %v", err)
			}
			if slices.ContainsFunc(dst, func(owner uint16) bool { return owner != 9 }) {
				t.Error("the table changed")
			}
		})
	}
}

// TestDrained: backends without weight need no slots.
func TestDrained(t *testing.T) {
	backends := backendsOf(20, func(i int) uint32 { return uint32(i / 15) })
	for slot, owner := range mustBuild(t, 5, 1, backends) {
		if owner < 15 {
			t.Errorf("slot %d is of backend %d, which has no weight", slot, owner)
		}
	}
}

func TestBuilderAllocatesNothing(t *testing.T) {
	var b Builder
	large, small := make(Table, 16381), make(Table, 251)
	many, few := backendsOf(100, func(i int) uint32 { return uint32(1 + i%9) }), backendsOf(3, nil)
	build := func() {
		if err := errors.Join(b.Build(large, 1, many), b.Build(small, 2, few)); err != nil {
			t.Fatal(err)
		}
	}
	if allocs := testing.AllocsPerRun(5, build); allocs != 0 {
		t.Errorf("%v allocations for two tables with a builder that made them before", allocs)
	}
}
