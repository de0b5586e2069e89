// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

func TestSuggest(t *testing.T) {
	known := []string{"allow", "block", "dry-run", "fib", "mss", "mss-clamp"}
	for typed, want := range map[string]string{
		"alow": "allow", "allows": "allow", "alolw": "allow", "Allow": "allow", "all": "allow", "al": "",
		"bloc": "block", "deny": "", "dryrun": "dry-run", "fb": "fib", "f": "", "msss": "mss", "": "",
		"mss_clamp": "mss-clamp", "mssclamps": "mss-clamp", "größe": "",
	} {
		if got := suggest(typed, known); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

// TestEditsAgreesWithOracle compares the row by row count with the definition.
func TestEditsAgreesWithOracle(t *testing.T) {
	var define func(a, b string) int
	define = func(a, b string) int {
		if a == "" || b == "" {
			return len(a) + len(b)
		}
		if a[0] == b[0] {
			return define(a[1:], b[1:])
		}
		return 1 + min(define(a[1:], b), define(a, b[1:]), define(a[1:], b[1:]))
	}
	words := []string{""}
	for range 4 {
		for _, w := range words[len(words)-len(words)*2/3:] {
			words = append(words, w+"a", w+"b", "c"+w)
		}
		words = append(words, "a", "ba")
	}
	for _, a := range words[:min(len(words), 150)] {
		for _, b := range words[:min(len(words), 150)] {
			if got, want := edits(a, b), define(a, b); got != want {
				t.Fatalf("%q, %q: got %d, want %d", a, b, got, want)
			}
		}
	}
}
