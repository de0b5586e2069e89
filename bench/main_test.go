// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestChosen(t *testing.T) {
	for only, want := range map[string]string{"": "forward, balance, xsk", "balance": "balance", "xsk": "xsk", "fast": ""} {
		if got := names(chosen(only)); got != want {
			t.Errorf("-only %q: %q, want %q", only, got, want)
		}
	}
}
