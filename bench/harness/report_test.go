// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTargets(t *testing.T) {
	for _, tt := range []struct {
		row Row
		met bool
	}{
		{Ratio("M1", "", Series{1, 2, 3}).AtMost(2), true},
		{Ratio("M1", "", Series{1, 2.1, 3}).AtMost(2), false},
		{Ratio("M1", "", Series{1, 2, 3}).AtLeast(2), true},
		{Ratio("M1", "", Series{1, 1.9, 3}).AtLeast(2), false},
		{Ratio("M1", "", Series{1e9}), true},
		{Number("M1", "", Series{0, 0, 0}).AtMost(0), true},
		{Number("M1", "", Series{0, 1, 1}).AtMost(0), false},
		// A figure that could not be formed reaches no target.
		{Ratio("M1", "", Series{math.NaN()}).AtMost(2), false},
		{Ratio("M1", "", Series{math.NaN()}).AtLeast(2), false},
	} {
		r := Report{Sections: []Section{{Rows: []Row{tt.row}}}}
		if met := len(r.Missed()) == 0; met != tt.met {
			t.Errorf("%v: met %v, want %v", tt.row, met, tt.met)
		}
	}
}

func TestReportTexts(t *testing.T) {
	r := &Report{
		Time:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Machine: Machine{CPU: "Some CPU", Kernel: "6.18.1", Compiler: "clang 19", Go: "go1.26"},
		Options: Options{Rounds: 3, Packets: 1000, Duration: time.Second},
		Sections: []Section{{"A lane", []Row{
			Nanoseconds("M1", "good", Series{30, 31, 33}).AtMost(40),
			Ratio("M2", "bad", Series{2.5, 2.6, 2.8}).AtLeast(2.7),
			Number("M2", "informs", Series{1, 2, 3}),
		}, Costs{{"one", Series{100, 200, 300}}}}},
	}
	file, err := r.Record(t.TempDir()+"/made", "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(file, "/made/2026-01-02-6.18.1.md") {
		t.Errorf("recorded in %s", file)
	}
	if file, err := r.Record(t.TempDir(), "balance"); err != nil || !strings.HasSuffix(file, "/2026-01-02-6.18.1-balance.md") {
		t.Errorf("one lane: recorded in %s, %v", file, err)
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"- processor: Some CPU, 0 CPUs\n",
		"\n## A lane\n\n| method | measure | target | measured | spread | met |\n|---|---|---|---|---|---|\n| M1 | good | at most 40.0 ns | 31.0 ns | 30.0 ns to 33.0 ns | yes |\n",
		"| M2 | bad | at least 2.70 | 2.60 | 2.50 to 2.80 | no |\n",
		"| M2 | informs | – | 2 | 1 to 3 | – |\n",
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
		"A lane method measure",
		"M2 bad at least 2.70 2.60 2.50 to 2.80 no",
		"one 200.0 ns 100.0 to 300.0 ns 5.00 M/s",
	} {
		if fields := strings.Join(strings.Fields(table.String()), " "); !strings.Contains(fields, want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}
