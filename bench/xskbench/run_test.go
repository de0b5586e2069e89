// SPDX-License-Identifier: Apache-2.0

package xskbench

import (
	"strings"
	"testing"
	"time"

	"clearway/bench/harness"
	"clearway/internal/testkit"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// Each contender does each work, every packet arrives where it should, and the
// report has a figure for all. What the figures are, the machine decides.
func TestRun(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireKernel(t, "5.18", "programs in live frames mode")
	rows, costs, err := measure(t.Context(), harness.Options{Rounds: 2, Duration: 10 * time.Millisecond, CPU: 0, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4*len(works) || len(costs) != 4*len(works) {
		t.Errorf("%d rows and %d costs", len(rows), len(costs))
	}
	for _, r := range rows {
		t.Logf("%s: %.2f", r.Name, r.Rounds)
		if len(r.Rounds) != 2 || r.Rounds.Median() <= 0 && !strings.HasPrefix(r.Name, "allocations") {
			t.Errorf("%s: %v", r.Name, r.Rounds)
		}
	}
	for _, c := range costs {
		t.Logf("%s: %.1f ns", c.Name, c.Rounds)
		if ns := c.Rounds.Median(); ns <= 0 || ns > 100_000 {
			t.Errorf("%s: %.1f ns", c.Name, ns)
		}
	}
}

// From costs to figures.
func TestRows(t *testing.T) {
	one := func(v float64) harness.Series { return harness.Series{v} }
	rows := workRows("send", harness.Costs{{Name: "send" + ours, Rounds: one(200)}, {Name: "send" + inC, Rounds: one(190)}, {Name: "send" + packet, Rounds: one(500)}}, one(3))
	var costs harness.Costs
	for i, work := range works {
		costs = append(costs, harness.Cost{Name: work + rings, Rounds: one(float64(2 + i))})
	}
	rows = append(rows, ringRows(costs)...)
	for i, want := range []struct {
		value float64
		met   bool
	}{{0.95, false}, {2.5, true}, {3, false}, {2, true}, {3, true}, {4, true}} {
		if got := rows[i].Rounds.Median(); got != want.value || rows[i].Met() != want.met {
			t.Errorf("%s: %v, met %v; want %v, %v", rows[i].Name, got, rows[i].Met(), want.value, want.met)
		}
	}
}

func TestNanoseconds(t *testing.T) {
	const output = "cpu: AMD EPYC\nBenchmarkSend-2   \t 1234 \t 131.0 ns/op\t 2.047 ns/packet\t 0 B/op\nPASS\n"
	if ns, err := nanoseconds(output); ns != 2.047 || err != nil {
		t.Errorf("%v, %v; want 2.047", ns, err)
	}
	for _, wrong := range []string{"", "PASS\n", "no tests ns/packet", " ns/packet"} {
		if ns, err := nanoseconds(wrong); err == nil {
			t.Errorf("%q: %v", wrong, ns)
		}
	}
}
