// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"clearway/internal/testkit"
)

func mustDisrupt(t testing.TB, old, new Assignment) Moves {
	t.Helper()
	m, err := Disruption(old, new)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDisruptionOfPaper: when B1 leaves the paper's table, its slots 0 and 2 must
// move and slot 6 needn't.
func TestDisruptionOfPaper(t *testing.T) {
	old := Assignment{Table{0, 1, 0, 1, 2, 2, 1}, []Backend{{"b1", 1}, {"b0", 1}, {"b2", 1}}}
	new := Assignment{Table{1, 1, 1, 1, 0, 0, 0}, []Backend{{"b2", 1}, {"b0", 1}}}
	got := mustDisrupt(t, old, new)
	want := []BackendMoves{
		{Name: "b0", Before: 3, After: 4, Gained: 2, Lost: 1},
		{Name: "b1", Before: 2, After: 0, Gained: 0, Lost: 2},
		{Name: "b2", Before: 2, After: 3, Gained: 1, Lost: 0},
	}
	if got.Of != 7 || got.Moved != 3 || got.Needless != 1 || !slices.Equal(got.Backends, want) {
		t.Errorf("got %+v", got)
	}
}

// TestDisruptionOfNothing: neither the order of backends nor one without a weight
// moves a slot.
func TestDisruptionOfNothing(t *testing.T) {
	old := backendsOf(20, nil)
	new := append([]Backend{{Name: "drained"}}, old...)
	slices.Reverse(new)
	m := mustDisrupt(t, Assignment{mustBuild(t, 1021, 1, old), old}, Assignment{mustBuild(t, 1021, 1, new), new})
	if m.Of != 1021 || m.Moved != 0 || m.Needless != 0 || len(m.Backends) != 21 {
		t.Errorf("got %+v", m)
	}
}

// TestDisruptionIsLookedUp compares the share that moves with what flows see,
// for tables of one size and of two.
func TestDisruptionIsLookedUp(t *testing.T) {
	rng := testkit.Rand(t)
	for range 40 {
		sizes := [2]int{nextPrime(rng.IntN(300)), nextPrime(rng.IntN(300))}
		if rng.IntN(2) == 0 {
			sizes[1] = sizes[0]
		}
		var a [2]Assignment
		for i, size := range sizes {
			backends := randomBackends(rng, 1+rng.IntN(min(size, 20)))
			for j := range backends { // let the names of both coincide
				backends[j].Name = strings.Repeat("x", j)
			}
			rng.Shuffle(len(backends), func(i, j int) { backends[i], backends[j] = backends[j], backends[i] })
			a[i] = Assignment{mustBuild(t, size, rng.Uint64(), backends), backends}
		}
		m := mustDisrupt(t, a[0], a[1])
		checkSums(t, m)
		const flows = 1 << 16
		moved := 0
		for flow := range uint32(flows) {
			hash := flow << 16
			was, is := a[0].Backends[a[0].Table.Backend(hash)], a[1].Backends[a[1].Table.Backend(hash)]
			if was.Name != is.Name {
				moved++
			}
		}
		// A flow can be on the wrong side of each border of a slot.
		slack := float64(sizes[0]+sizes[1]) / flows
		if got, want := m.Share(), float64(moved)/flows; math.Abs(got-want) > slack {
			t.Fatalf("sizes %v: %v of the flows move, %v of a sample", sizes, got, want)
		}
	}
}

func checkSums(t *testing.T, m Moves) {
	t.Helper()
	var before, after, gained, lost, least int64
	for _, b := range m.Backends {
		if b.Before+b.Gained-b.Lost != b.After {
			t.Errorf("%+v doesn't add up", b)
		}
		before, after, gained, lost = before+b.Before, after+b.After, gained+b.Gained, lost+b.Lost
		least += max(0, b.After-b.Before)
	}
	if before != m.Of || after != m.Of || gained != m.Moved || lost != m.Moved || m.Moved-m.Needless != least {
		t.Errorf("%+v doesn't add up", m)
	}
}

func TestDisruptionErrors(t *testing.T) {
	good := Assignment{Table{0, 0}, []Backend{{"a", 1}}}
	for _, row := range []struct {
		name string
		bad  Assignment
		text string
	}{
		{"no table", Assignment{}, "0 slots, 1 to 16777213 are possible"},
		{"too large", Assignment{Table: make(Table, MaxSize+1)}, "16777214 slots, 1 to 16777213 are possible"},
		{"no such backend", Assignment{Table{0, 1}, good.Backends}, "slot 1 names backend 1 of 1"},
		{"duplicate", Assignment{good.Table, []Backend{{"a", 1}, {"a", 1}}}, `backends of the same name: "a"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := Disruption(row.bad, good); err == nil || err.Error() != "reading the old table: "+row.text {
				t.Errorf("old: got %v", err)
			}
			_, err := Disruption(good, row.bad)
			if err == nil || err.Error() != "reading the new table: "+row.text {
				t.Errorf("new: got %v", err)
			}
			if errors.Is(err, ErrDuplicate) != (row.name == "duplicate") {
				t.Errorf("%v is the wrong error", err)
			}
		})
	}
}
