// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTargets(t *testing.T) {
	for _, row := range []struct {
		target Target
		rounds Series
		met    bool
	}{
		{atMost(2), Series{1, 2, 3}, true},
		{atMost(2), Series{1, 2.1, 3}, false},
		{atLeast(2), Series{1, 2, 3}, true},
		{atLeast(2), Series{1, 1.9, 3}, false},
		{Target{}, Series{1e9}, true},
		// A figure that could not be formed reaches no target.
		{atMost(2), Series{math.NaN()}, false},
		{atLeast(2), Series{math.NaN()}, false},
	} {
		r := Report{Rows: []Row{{Target: row.target, Rounds: row.rounds}}}
		if met := len(r.Missed()) == 0; met != row.met {
			t.Errorf("%v of %v: met %v, want %v", row.rounds, row.target, met, row.met)
		}
	}
}

func TestReportTexts(t *testing.T) {
	r := &Report{
		Time:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Machine: Machine{CPU: "Some CPU", Kernel: "6.18.1", Compiler: "clang 19", Go: "go1.26"},
		Options: Options{Rounds: 3, Packets: 1000, Duration: time.Second},
		Rows: []Row{
			{"M1", "good", "ns", atMost(40), Series{30, 31, 33}},
			{"M2", "bad", "x", atLeast(2.7), Series{2.5, 2.6, 2.8}},
			{"M2", "informs", "x", Target{}, Series{1, 2, 3}},
		},
		Costs: []Cost{{"one", Series{100, 200, 300}}},
	}
	file, err := r.Record(t.TempDir() + "/made")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(file, "/made/2026-01-02-6.18.1.md") {
		t.Errorf("recorded in %s", file)
	}
	part := *r
	part.Options.Lane = "balance"
	if file, err := part.Record(t.TempDir()); err != nil || !strings.HasSuffix(file, "/2026-01-02-6.18.1-balance.md") {
		t.Errorf("one lane: recorded in %s, %v", file, err)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"- processor: Some CPU, 0 CPUs\n",
		"| M1 | good | at most 40.0 ns | 31.0 ns | 30.0 ns to 33.0 ns | yes |\n",
		"| M2 | bad | at least 2.70 | 2.60 | 2.50 to 2.80 | no |\n",
		"| M2 | informs | – | 2.00 | 1.00 to 3.00 | – |\n",
		"| one | 200.0 ns | 100.0 to 300.0 ns | 5.00 M/s |\n",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"M2 bad at least 2.70 2.60 2.50 to 2.80 no",
		"one 200.0 ns 100.0 to 300.0 ns 5.00 M/s",
	} {
		if fields := strings.Join(strings.Fields(table.String()), " "); !strings.Contains(fields, want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}
