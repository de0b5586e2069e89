// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"clearway/internal/testkit"
)

// changes are what happens to backends, with the share of the table that must
// move for it if all weights are equal.
var changes = []struct {
	name string
	do   func(rng *rand.Rand, b []Backend) []Backend
	must func(n float64) float64
}{
	{"one leaves", func(rng *rand.Rand, b []Backend) []Backend {
		k := rng.IntN(len(b))
		return slices.Delete(b, k, k+1)
	}, func(n float64) float64 { return 1 / n }},
	{"one is drained", func(rng *rand.Rand, b []Backend) []Backend {
		b[rng.IntN(len(b))].Weight = 0
		return b
	}, func(n float64) float64 { return 1 / n }},
	{"one joins", func(rng *rand.Rand, b []Backend) []Backend {
		return slices.Insert(b, rng.IntN(len(b)), Backend{fmt.Sprintf("%x", rng.Uint64()), b[0].Weight})
	}, func(n float64) float64 { return 1 / (n + 1) }},
	{"one doubles", func(rng *rand.Rand, b []Backend) []Backend {
		b[rng.IntN(len(b))].Weight *= 2
		return b
	}, func(n float64) float64 { return 2/(n+1) - 1/n }},
	{"a tenth leaves", func(rng *rand.Rand, b []Backend) []Backend {
		rng.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
		return b[len(b)/10:]
	}, func(float64) float64 { return 0.1 }},
}

// TestMovement: a change moves the share that it must, and little else. The limits
// for the latter are twice the mean of many tables. The median of a few has to stay
// below: one table in some hundreds moves up to ten times as much as the others,
// where permutations happen to run side by side.
func TestMovement(t *testing.T) {
	rng := testkit.Rand(t)
	for _, row := range []struct {
		size, n  int
		runs     int
		needless []float64 // in percent, for each of the changes
	}{
		{1021, 10, 40, []float64{5, 5, 5, 4.2, 5}},
		{4093, 40, 20, []float64{4.4, 4.4, 4.4, 4.2, 5.4}},
		{16381, 10, 10, []float64{1.1, 1.1, 1.1, 0.9, 1.1}},
		{16381, 160, 5, []float64{3.2, 3.2, 3.2, 3.2, 5.6}},
		{65537, 100, 5, []float64{1.2, 1.2, 1.2, 1.2, 2}},
	} {
		for i, change := range changes {
			t.Run(fmt.Sprintf("size=%d/backends=%d/%s", row.size, row.n, change.name), func(t *testing.T) {
				// A backend's share is off by a slot at most.
				must, slack := 100*change.must(float64(row.n)), 100*float64(row.n)/float64(row.size)
				needless := median(row.runs, func() float64 {
					m := movement(t, rng, row.size, backendsOf(row.n, nil), change.do)
					if needed := 100*m.Share() - percentNeedless(m); math.Abs(needed-must) > slack {
						t.Errorf("%.2f %% had to move, want %.2f %%", needed, must)
					}
					return percentNeedless(m)
				})
				if needless > row.needless[i] {
					t.Errorf("%.2f %% move needlessly, want at most %.2f %%", needless, row.needless[i])
				}
				t.Logf("%.2f %% move needlessly", needless)
			})
		}
	}
}

// TestWeightedMovement does the same with weights that differ, in which case the
// heaviest may be the one that changes, and with it all rounds.
func TestWeightedMovement(t *testing.T) {
	rng := testkit.Rand(t)
	for _, change := range changes {
		needless := median(10, func() float64 {
			backends := backendsOf(40, func(int) uint32 { return 1 + rng.Uint32N(20) })
			return percentNeedless(movement(t, rng, 16381, backends, change.do))
		})
		if needless > 2.5 {
			t.Errorf("%s: %.2f %% move needlessly, want at most 2.5 %%", change.name, needless)
		}
		t.Logf("%s: %.2f %% move needlessly", change.name, needless)
	}
}

func percentNeedless(m Moves) float64 {
	return 100 * float64(m.Needless) / float64(m.Of)
}

// median is the upper one of what n runs return.
func median(n int, run func() float64) float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = run()
	}
	slices.Sort(values)
	return values[n/2]
}

func movement(t *testing.T, rng *rand.Rand, size int, old []Backend, change func(*rand.Rand, []Backend) []Backend) Moves {
	t.Helper()
	seed := rng.Uint64()
	new := change(rng, slices.Clone(old))
	return mustDisrupt(t, Assignment{mustBuild(t, size, seed, old), old}, Assignment{mustBuild(t, size, seed, new), new})
}

// TestOtherSize: a table of another size keeps a flow's backend by chance only.
func TestOtherSize(t *testing.T) {
	backends := backendsOf(10, nil)
	m := mustDisrupt(t, Assignment{mustBuild(t, 4093, 1, backends), backends}, Assignment{mustBuild(t, 8191, 1, backends), backends})
	if m.Share() < 0.8 || m.Of != 4093*8191 {
		t.Errorf("%.2f of the flows move, of %d parts; want about 0.9", m.Share(), m.Of)
	}
}
