// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"slices"
	"testing"

	"clearway/bench/harness"
)

// From costs to figures.
func TestForwardRows(t *testing.T) {
	costs := costsOf(map[string]float64{
		forward4 + empty: 10, forward4 + fib: 110, forward4 + ours: 160,
		miss4 + empty: 20, miss4 + fixed: 30, miss4 + ours: 45, miss4 + oursMany: 52,
		missMany4 + ours: 60, missMany4 + oursMany: 90,
		forward6 + empty: 10, forward6 + fib: 210, forward6 + ours: 260,
		miss6 + empty: 10, miss6 + ours: 70,
		path + ours: 200, path + linux: 600, path + conntrack: 800,
		path + rules: 2000, path + fib: 180, path + fixed: 100,
	})
	checkRows(t, forwardRows(costs), []float64{1.5, 25, 2.5, 7, 30, 1.25, 60, 3, 4, 10, 0.9, 0.5})
}

func TestBalanceRows(t *testing.T) {
	var costs harness.Costs
	for _, f := range families {
		costs = append(costs, costsOf(map[string]float64{
			f.to(oneFlow) + empty: 10, f.to(oneFlow) + fixedBackend: 30, f.to(oneFlow) + others: 110, f.to(oneFlow) + ours: 90,
			f.to(oneFlow) + never: 88, f.to(oneFlow) + always: 105,
			f.to(some) + empty: 20, f.to(some) + others: 120, f.to(some) + ours: 90, f.to(some) + never: 86, f.to(some) + always: 125,
			f.to(many) + empty: 10, f.to(many) + others: 210, f.to(many) + othersAlone: 170, f.to(many) + ours: 98, f.to(many) + never: 97, f.to(many) + always: 190,
			f.to(most) + empty: 10, f.to(most) + others: 410, f.to(most) + ours: 130, f.to(most) + never: 122,
			f.to(newFlows) + empty: 15, f.to(newFlows) + others: 815, f.to(newFlows) + ours: 103,
			f.past(noService) + ours: 70, f.past(noService) + without: 65,
			f.past(otherPort) + ours: 85, f.past(otherPort) + without: 66,
			f.roundTrip() + sentBack: 180, f.roundTrip() + ours: 200, f.roundTrip() + fixedBackend: 190, f.roundTrip() + others: 250,
		})...)
	}
	one := families[0].to(oneFlow)
	costs = append(costs, costsOf(map[string]float64{
		one + flatTable: 35, one + arrayTables: 38, one + calledTables: 45, one + equalTables: 36, one + hashTables: 60,
	})...)
	programs := []float64{4, 0.8, 0.7, 0.44, 0.55, 0.3, 1.1, 2, 1.5, 4, 2, 4, 1, 8, 1.1, 0.11, 0.95, 1.05, 0.9, 5, 19}
	paths := []float64{0.9, 0.95, 1.25}
	checkRows(t, balanceRows(costs), slices.Concat(programs, programs, []float64{3, 10, 1, 25}, paths, paths))
}

// costsOf are costs of one round.
func costsOf(ns map[string]float64) (costs harness.Costs) {
	for name, v := range ns {
		costs = append(costs, harness.Cost{Name: name, Rounds: harness.Series{v}})
	}
	return costs
}

// checkRows compares with numbers that were worked out in the head.
func checkRows(t *testing.T, rows []harness.Row, want []float64) {
	t.Helper()
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		if got := row.Rounds.Median(); math.Abs(got-want[i]) > 1e-9 {
			t.Errorf("%s: %v, want %v", row.Name, got, want[i])
		}
	}
}
