// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSummary(t *testing.T) {
	row := kernel{Version: "6.1", Sets: []set{{Name: "smoke"}}}
	good := feedAll("@kernels boot 6.1.2\n@kernels begin smoke\n--- PASS: TestOne (0s)\n@kernels end smoke 0 1\n@kernels done")
	bad := feedAll("@kernels boot 6.1.2\n@kernels begin smoke\nthe reason\n--- FAIL: TestOne (0s)\n@kernels end smoke 1 1\n@kernels done")
	none := &report{}
	missing := fmt.Errorf("%w: suite of the mirror", errMissing)
	for _, c := range []struct {
		name        string
		outcome     outcome
		well, lax   bool   // what summarize says without and with -allow-missing
		says, count string // in the output
	}{
		{"good", outcome{Kernel: row, Report: good}, true, true, "ok, 1 tests", "1 passed, 0 failed, 0 skipped"},
		{"failed test", outcome{Kernel: row, Report: bad}, false, false, "the reason", "0 passed, 1 failed, 0 skipped"},
		{"missing", outcome{Kernel: row, Report: none, Err: missing}, false, true, "suite of the mirror", "0 passed, 0 failed, 1 skipped"},
		{"no boot", outcome{Kernel: row, Report: none, Err: errors.New("went off")}, false, false, "went off", "0 passed, 1 failed, 0 skipped"},
		{"no build", outcome{Kernel: row, Report: none, Broken: map[string]error{"smoke": errors.New("undefined: x")}},
			false, false, "undefined: x", "0 passed, 1 failed, 0 skipped"},
		{"kernel complains", outcome{Kernel: row, Report: good, Log: "WARNING: CPU: 0"},
			false, false, "WARNING: CPU: 0", "0 passed, 1 failed, 0 skipped"},
		{"bad end", outcome{Kernel: row, Report: good, Err: errors.New("still running")},
			false, false, "still running", "0 passed, 1 failed, 0 skipped"},
	} {
		for allowMissing, want := range map[bool]bool{false: c.well, true: c.lax} {
			var out strings.Builder
			if got := summarize(&out, []outcome{c.outcome}, allowMissing); got != want {
				t.Errorf("%s, allow missing %v: got %v, want %v", c.name, allowMissing, got, want)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("%s: no %q in\n%s", c.name, c.says, &out)
			}
			// The closing line stands alone, for tools that count tests.
			if !strings.HasSuffix(out.String(), "\n"+c.count+"\n") {
				t.Errorf("%s: does not close with %q:\n%s", c.name, c.count, &out)
			}
		}
	}
}

func TestTail(t *testing.T) {
	for _, row := range []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""},
		{"a\nb\n", 3, "a\nb"},
		{"a\nb\nc\nd\n", 2, "c\nd"},
	} {
		if got := tail(row.text, row.n); got != row.want {
			t.Errorf("tail(%q, %d) = %q, want %q", row.text, row.n, got, row.want)
		}
	}
}

func TestChoose(t *testing.T) {
	all := []kernel{
		{Version: "5.10", Sets: []set{{Name: "smoke"}}},
		{Version: "6.12", Sets: []set{{Name: "smoke"}, {Name: "e2e"}}},
	}
	for _, row := range []struct{ version, set, want string }{
		{"", "", "5.10 (smoke), 6.12 (smoke, e2e)"},
		{"6.12", "", "6.12 (smoke, e2e)"},
		{"", "smoke", "5.10 (smoke), 6.12 (smoke)"},
		{"", "e2e", "6.12 (e2e)"},
		{"", "e2e,smoke", "5.10 (smoke), 6.12 (smoke, e2e)"},
		{"5.10", "e2e", ""},
		{"5.10", "smoke,e2e", ""},
		{"", "smoke,esmoke", ""},
		{"6", "", ""},
	} {
		if diff := cmp.Diff(row.want, describe(choose(all, row.version, row.set))); diff != "" {
			t.Errorf("-kernel %q -set %q: %s", row.version, row.set, diff)
		}
	}
}

// A matrix with a name twice would report one result for both.
func TestMatrixNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range matrix {
		for _, s := range k.Sets {
			name := k.Version + " " + s.Name
			if seen[name] || s.Limit == 0 || s.Run == "" || strings.ContainsAny(s.Name, " \t") {
				t.Errorf("%s: twice, or without a pattern or limit, or with a space", name)
			}
			seen[name] = true
		}
	}
}
