// SPDX-License-Identifier: Apache-2.0

package xskbench

import (
	"testing"
	"time"

	"clearway/bench/measure"
	"clearway/internal/testkit"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// Each contender does each work, every packet arrives where it should, and the
// report has a figure for all. What the figures are, the machine decides.
func TestRun(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireKernel(t, "5.18", "programs in live frames mode")
	rows, costs, err := Run(t.Context(), measure.Options{Rounds: 2, Duration: 10 * time.Millisecond, CPU: 0, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 6 || len(costs) != 9 {
		t.Errorf("%d rows and %d costs", len(rows), len(costs))
	}
	for _, r := range rows {
		t.Logf("%s: %.2f", r.Name, r.Rounds)
		if len(r.Rounds) != 2 || r.Rounds.Median() <= 0 {
			t.Errorf("%s: %v", r.Name, r.Rounds)
		}
	}
	for _, c := range costs {
		t.Logf("%s: %.1f ns", c.Name, c.Rounds)
		if ns := c.Rounds.Median(); ns < 20 || ns > 100_000 {
			t.Errorf("%s: %.1f ns", c.Name, ns)
		}
	}
}
