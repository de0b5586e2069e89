// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
)

// suggest returns the word of the sorted list that is most like the mistyped
// one; "" when none is near.
func suggest(typed string, known []string) string {
	const far = 3
	best, distance := "", far
	for _, word := range known {
		if len(typed)-len(word) >= far || len(word)-len(typed) >= far {
			continue
		}
		if d := edits(strings.ToLower(typed), word); d < distance && 2*d <= len(word) {
			best, distance = word, d
		}
	}
	return best
}

// edits counts the letters to add, take away or replace that make a into b
// (Levenshtein's distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
