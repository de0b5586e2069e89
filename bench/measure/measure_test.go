// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"strings"
	"testing"
	"time"

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
	report, err := Run(t.Context(), Options{
		Rounds: 1, Packets: 1000, Duration: 10 * time.Millisecond, CPU: testCPU, Progress: &progress,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		if v := row.Rounds.Median(); math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%s: %v", row.Name, v)
		}
	}
	for _, c := range report.Costs {
		if v := c.Rounds.Median(); v < 1 || v > 1e6 {
			t.Errorf("%s: %v ns", c.Name, v)
		}
	}
	if n, want := strings.Count(progress.String(), "\n"), 2*len(Lanes()); n != want {
		t.Errorf("%d lines of progress, want one a round, method and lane:\n%s", n, progress.String())
	}
}

func TestUnknownLane(t *testing.T) {
	_, err := Run(t.Context(), Options{Lane: "fast"})
	if err == nil || !strings.Contains(err.Error(), "forward, balance") {
		t.Errorf("error %v, want one that lists the lanes", err)
	}
}
