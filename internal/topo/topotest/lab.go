// SPDX-License-Identifier: Apache-2.0

package topotest

import (
	"testing"

	"clearway/internal/testkit"
	"clearway/internal/topo"
)

// New makes a lab and removes it when the test ends. It returns lab itself.
// The test needs root.
func New(t testing.TB, lab *topo.Lab) *topo.Lab {
	t.Helper()
	testkit.RequireRoot(t)
	if err := lab.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	return lab
}
