// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/testkit"
)

func TestPlanChangesNothing(t *testing.T) {
	i := newInstance(t, balanced).start()
	before := i.status()
	i.dataplane.mu.Lock()
	i.dataplane.preview = func(s dataplane.State) dataplane.Changes {
		changes := dataplane.Changes{Generation: 2, Lines: []string{"lines"}, Moves: []dataplane.Moves{{Service: "web", Moved: 80, Slots: 251}}}
		if s.ResizeNow {
			changes.Moves = append(changes.Moves, dataplane.Moves{Service: "web", Moved: 400, Slots: 509, Resize: true})
		}
		return changes
	}
	i.dataplane.mu.Unlock()
	text := i.config(strings.Replace(balanced, "weight: 3", "weight: 4", 1))
	got, err := i.client.Plan(context.Background(), []byte(text))
	settle := (6 * time.Minute).Seconds()
	want := control.Plan{Generation: 2, Changes: []string{"lines"}, Warnings: got.Warnings, Moves: []control.Move{
		{Service: "web", Moved: 80, Slots: 251, Tracking: "changed", SettleSeconds: settle},
		{Service: "web", Moved: 400, Slots: 509, Tracking: "changed", SettleSeconds: settle, Resize: true},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, row := range []struct{ text, want string }{
		{"interfaces: [", "has errors"},
		{"interfaces: [{name: eth9}]", "has errors"},
	} {
		_, err := i.client.Plan(context.Background(), []byte(row.text))
		var refusal *control.Error
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Message, row.want) || len(refusal.Problems) == 0 {
			t.Errorf("%s: %#v", row.text, err)
		}
	}
	if _, err := i.client.Plan(context.Background(), nil); err != nil {
		t.Errorf("of the daemon's own file: %v", err)
	}
	after := i.status()
	after.UptimeSeconds = before.UptimeSeconds
	if diff := cmp.Diff(before, after); diff != "" || i.health.sets != 1 || len(i.dataplane.applied) != 1 {
		t.Errorf("%d sets of checks, applied %d times\n%s", i.health.sets, len(i.dataplane.applied), diff)
	}
}

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
