// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"strings"
	"testing"
	"time"

	"clearway/bench/harness"
	"clearway/internal/testkit"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// A run with next to no packets: all contenders are built, do their job, and
// give figures. What these are is left to quiet machines.
func TestRun(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireKernel(t, "5.18", "xdp.frags")
	testkit.RequireTool(t, "nft")
	var progress strings.Builder
	report, err := harness.Run(t.Context(), harness.Options{
		Rounds: 1, Packets: 1000, Duration: 10 * time.Millisecond, CPU: testCPU, Progress: &progress,
	}, Lanes...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range report.Sections {
		for _, row := range s.Rows {
			if v := row.Rounds.Median(); math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %s: %v", s.Title, row.Name, v)
			}
		}
		for _, c := range s.Costs {
			if v := c.Rounds.Median(); v < 1 || v > 1e6 {
				t.Errorf("%s: %s: %v ns", s.Title, c.Name, v)
			}
		}
	}
	if n, want := strings.Count(progress.String(), "\n"), 2*len(Lanes); n != want {
		t.Errorf("%d lines of progress, want one a round, method and lane:\n%s", n, progress.String())
	}
}
