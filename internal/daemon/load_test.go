// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"strings"
	"testing"

	"clearway/internal/control"
	"clearway/internal/testkit"
)

// --now is of one reload, and not of what follows it.
func TestReloadNow(t *testing.T) {
	testkit.RequireRoot(t)
	i := newInstance(t, unchecked).start()
	text := []byte(i.config(strings.Replace(unchecked, "ports: [80]", "ports: [80]\n      table-size: 509", 1)))
	if _, err := i.client.Reload(context.Background(), control.ReloadRequest{File: text, Now: true}); err != nil {
		t.Fatal(err)
	}
	i.machine.set(i.machine.links...)
	i.eventually("a change is followed", func() bool { return i.status().Daemon.Applies.OK == 3 })
	i.dataplane.mu.Lock()
	defer i.dataplane.mu.Unlock()
	for n, now := range []bool{false, true, false} {
		if s := i.dataplane.applied[n]; s.ResizeNow != now {
			t.Errorf("state %d: at once %v, want %v", n, s.ResizeNow, now)
		}
	}
}
