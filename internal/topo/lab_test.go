// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"context"
	"testing"
)

// up brings a lab up and takes it down after the test.
func up(t *testing.T, l *Lab) *Lab {
	t.Helper()
	if err := l.Up(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestDemoForwards(t *testing.T) {
	client := up(t, Demo()).Host("client")
	for _, to := range []string{"203.0.113.2", "2001:db8:200::2"} {
		if out, err := client.Command(context.Background(), "ip", "route", "get", to); err != nil {
			t.Errorf("%s %v", out, err)
		}
	}
}
