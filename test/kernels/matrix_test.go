// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestSkippedOnOldKernels(t *testing.T) {
	s := set{Since: map[string]string{"5.10": "TestA", "6.6": "Test(B|C)", "6.12": "TestD"}}
	for version, want := range map[string]string{
		"5.9":  "^Test(B|C)$|^TestA$|^TestD$",
		"5.10": "^Test(B|C)$|^TestD$",
		"6.6":  "^TestD$",
		"6.12": "",
		"6.18": "",
	} {
		if got := s.skipped(version); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
		j := newJob(kernel{Version: version}, s)
		if got := strings.Contains(strings.Join(j.Args, " "), "-test.skip="); got != (want != "") {
			t.Errorf("%s: %q", version, j.Args)
		}
	}
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// The matrix names no test that isn't there: each pattern matches one at least.
func TestMatrixNamesTests(t *testing.T) {
	for _, k := range matrix {
		for _, s := range k.Sets {
			var names []string
			files, _ := filepath.Glob(filepath.Join("../..", s.Package, "*_test.go"))
			for _, file := range files {
				code, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range testFunction.FindAllSubmatch(code, -1) {
					names = append(names, string(m[1]))
				}
			}
			for _, pattern := range append(slices.Collect(maps.Values(s.Since)), s.Run) {
				if !slices.ContainsFunc(names, regexp.MustCompile(pattern).MatchString) {
					t.Errorf("set %s: no test matches %s", s.Name, pattern)
				}
			}
		}
	}
}
