// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDigest(t *testing.T) {
	many := strings.Repeat("    more\n", 2*digestLines)
	for _, row := range []struct{ name, output, want string }{
		{"the failed part and what its test said", `
=== RUN   TestGood
    good
--- PASS: TestGood (0s)
=== RUN   TestTwo
    repeat with: SEED=7
=== RUN   TestTwo/0
    fine
=== RUN   TestTwo/1
    the reason
=== NAME  TestTwo
    the sum
--- FAIL: TestTwo (0s)
    --- PASS: TestTwo/0 (0s)
    --- FAIL: TestTwo/1 (0s)
=== RUN   TestLast
    last
--- PASS: TestLast (0s)
FAIL`, `
=== RUN   TestTwo
    repeat with: SEED=7
=== RUN   TestTwo/1
    the reason
    the sum
--- FAIL: TestTwo (0s)
    --- PASS: TestTwo/0 (0s)
    --- FAIL: TestTwo/1 (0s)`},
		{"the first lines", "=== RUN   TestOne\n" + many + "--- FAIL: TestOne (0s)",
			"=== RUN   TestOne\n" + strings.Repeat("    more\n", digestLines-1)},
		{"a crash", "=== RUN   TestOne\n    one\npanic: test timed out after 1s\nrunning tests:\n\tTestOne (1s)",
			"panic: test timed out after 1s\nrunning tests:\n\tTestOne (1s)"},
		{"the end", many + "the very end", strings.Repeat("    more\n", digestTrace-1) + "the very end"},
	} {
		s := &setResult{Output: strings.Split(strings.TrimSpace(row.output), "\n")}
		got := strings.Join(s.digest(), "\n")
		if diff := cmp.Diff(strings.TrimSpace(row.want), strings.TrimSpace(got)); diff != "" {
			t.Errorf("%s: %s", row.name, diff)
		}
	}
}

func TestComplaint(t *testing.T) {
	trace := strings.Repeat("trace\n", 100)
	if got := complaint("before\n[ 1.0] WARNING: CPU: 0\n" + trace); len(got) != digestTrace || got[0] != "[ 1.0] WARNING: CPU: 0" {
		t.Errorf("got %q", got)
	}
	if got := complaint("before\nafter"); got != nil {
		t.Errorf("got %q of a quiet log", got)
	}
}

// What stands behind the long output is short, and has the seed.
func TestTheEndIsShort(t *testing.T) {
	var bad strings.Builder
	bad.WriteString("@kernels begin smoke\n=== RUN   TestOne\n    the seed\n")
	for i := range 1000 {
		fmt.Fprintf(&bad, "    %d: %s\n", i, strings.Repeat("ff", 3000))
	}
	bad.WriteString("--- FAIL: TestOne (0s)\n@kernels end smoke 1 1\n@kernels done")
	row := kernel{Version: "6.1", Sets: []set{{Name: "smoke"}}}
	var out strings.Builder
	summarize(&out, []outcome{{Kernel: row, Report: feedAll(bad.String())}}, false)
	_, end, found := strings.Cut(out.String(), "first of all: smoke\n")
	if !found || !strings.Contains(end, "the seed") {
		t.Error("the seed is not at the end")
	}
	lines := strings.Split(end, "\n")
	for _, line := range lines {
		if len(line) > digestWidth+40 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	if len(lines) > 60 {
		t.Errorf("%d lines", len(lines))
	}
}
