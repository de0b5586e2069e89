// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"slices"
	"testing"
)

func TestSeries(t *testing.T) {
	for _, row := range []struct {
		series            Series
		median, low, high float64
	}{
		{Series{5}, 5, 5, 5},
		{Series{3, 1}, 2, 1, 3},
		{Series{9, 1, 5}, 5, 1, 9},
		{Series{4, 3, 2, 1}, 2.5, 1, 4},
		{Series{7, 1, 3, 5, 9}, 5, 3, 7},
		{Series{70, 10, 30, 50, 90, 20, 40, 60, 80}, 50, 30, 70},
	} {
		given := slices.Clone(row.series)
		low, high := row.series.Quartiles()
		if median := row.series.Median(); median != row.median || low != row.low || high != row.high {
			t.Errorf("%v: median %v, quartiles %v and %v; want %v, %v and %v", given, median, low, high, row.median, row.low, row.high)
		}
		if !slices.Equal(row.series, given) {
			t.Errorf("%v was put in order: rounds no longer belong together", given)
		}
	}
}

// A round that was slow for both must not show.
func TestSeriesCombinesByRound(t *testing.T) {
	a, b := Series{10, 100, 11}, Series{5, 50, 5}
	if got := a.Over(b); got.Median() != 2 || got[1] != 2 {
		t.Errorf("ratios %v, want 2 in the slow round and as median", got)
	}
	if got, want := a.Minus(b), (Series{5, 50, 6}); !slices.Equal(got, want) {
		t.Errorf("differences %v, want %v", got, want)
	}
}
