// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clearway/internal/control"
)

// What was counted in the meantime, and an interface that is new. The pins know
// no rules.
func TestPuntRates(t *testing.T) {
	before, now := aDaemon().status.Punt, aDaemon().status.Punt
	before.Interfaces = before.Interfaces[:1]
	now.Rules = nil
	now.Interfaces[0].Punted.Packets += 30
	var out strings.Builder
	w := newTable(&out)
	printPunt(w, now, &before)
	w.Flush()
	want := `
RULE  ADDRESS
-     only the daemon knows the rules, and none runs

INTERFACE  QUEUES WITH A SOCKET  PUNTED  BYTES  NO SOCKET  PUNTED/S
eth0       0-2, 5                37      420    3          30
eth1       -                     0       0      0
`
	if diff := cmp.Diff(want[1:], out.String()); diff != "" {
		t.Error(diff)
	}
	if puntInterfaceOf(nil, "eth0") != nil || puntInterfaceOf(&control.Punt{}, "eth0") != nil {
		t.Error("an interface was found in nothing")
	}
}

func TestExplainNamesThePuntRule(t *testing.T) {
	d := &fakeDaemon{explanation: control.Explanation{Verdict: "redirect", Reason: "punt", PuntRule: "dns", KernelRoute: "local"}}
	ask := []string{"explain", d.serve(t), "--in", "eth0", "--hex", "00"}
	if out := clearway(context.Background(), "", ask...); !strings.Contains(out.stdout, "verdict    redirect (punt)\npunt rule  dns\nLinux      local\n") {
		t.Error(out)
	}
	if out := clearway(context.Background(), "", append(ask, "--json")...); !strings.Contains(out.stdout, `"punt_rule":"dns"`) {
		t.Error(out)
	}
	d.explanation.PuntRule = ""
	if out := clearway(context.Background(), "", ask...); strings.Contains(out.stdout, "punt rule") {
		t.Errorf("without one: %v", out)
	}
}

func TestRanges(t *testing.T) {
	for _, row := range []struct {
		numbers []int
		want    string
	}{
		{nil, ""},
		{[]int{0}, "0"},
		{[]int{0, 1}, "0-1"},
		{[]int{0, 2}, "0, 2"},
		{[]int{3, 4, 5, 9, 11, 12}, "3-5, 9, 11-12"},
	} {
		if got := ranges(row.numbers); got != row.want {
			t.Errorf("%v: %q, want %q", row.numbers, got, row.want)
		}
	}
}
