// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/dataplane"
	"clearway/internal/control"
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
		{Service: "web", Moved: 80, OnceChecked: 80, Slots: 251, Tracking: "changed", SettleSeconds: settle},
		{Service: "web", Moved: 400, OnceChecked: 400, Slots: 509, Tracking: "changed", SettleSeconds: settle, Resize: true},
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

// What moves once backends have passed their first check is looked up by a plan in
// which they have, and only where there are such backends.
func TestPlanOnceChecked(t *testing.T) {
	const adding = `
    - name: dns
      address: 203.0.113.53
      protocol: udp
      ports: [53]
      backends: [{address: 10.2.0.11}]
`
	moved := func(service string, moved, slots int, resize bool) dataplane.Moves {
		return dataplane.Moves{Service: service, Moved: moved, Slots: slots, Resize: resize}
	}
	move := func(service, tracking string, settle time.Duration, moved, checked, slots int, resize bool) control.Move {
		return control.Move{Service: service, Moved: moved, OnceChecked: checked, Slots: slots, Resize: resize,
			Tracking: tracking, SettleSeconds: settle.Seconds()}
	}
	web := func(moved, checked, slots int, resize bool) control.Move {
		return move("web", "changed", 6*time.Minute, moved, checked, slots, resize)
	}
	dns := move("dns", "changed", 30*time.Second, 9, 9, 251, false)
	for _, row := range []struct {
		name, text    string
		now, passed   []dataplane.Moves // of the state, and of that in which all have passed
		resized       []dataplane.Moves // beside them, with a resize at once
		passedResized []dataplane.Moves
		previews      int
		want          []control.Move
	}{
		{"no checks", unchecked, nil, []dataplane.Moves{moved("web", 80, 251, false)}, nil, nil, 2, []control.Move{web(80, 80, 251, false)}},
		{"nothing moves before", balanced + adding, []dataplane.Moves{moved("dns", 9, 251, false)},
			[]dataplane.Moves{moved("dns", 9, 251, false), moved("web", 60, 251, false)}, nil, nil, 4,
			[]control.Move{dns, web(0, 60, 251, false)}},
		{"nothing moves in all", balanced, []dataplane.Moves{moved("web", 60, 251, false)}, nil, nil, nil, 4, []control.Move{web(60, 0, 251, false)}},
		{"a resize", balanced, []dataplane.Moves{moved("web", 60, 251, false)}, []dataplane.Moves{moved("web", 70, 251, false)},
			[]dataplane.Moves{moved("web", 300, 509, true)}, []dataplane.Moves{moved("web", 310, 509, true)}, 4,
			[]control.Move{web(60, 70, 251, false), web(300, 310, 509, true)}},
		{"a resize at once", balanced, []dataplane.Moves{moved("web", 300, 509, true)}, []dataplane.Moves{moved("web", 310, 509, true)},
			[]dataplane.Moves{moved("web", 300, 509, true)}, []dataplane.Moves{moved("web", 310, 509, true)}, 4,
			[]control.Move{web(300, 310, 509, true)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := loop(t, row.text)
			d, _ := fakesOf(r)
			previews := 0
			d.preview = func(s dataplane.State) dataplane.Changes {
				previews++
				moves := map[[2]bool][]dataplane.Moves{{false, false}: row.now, {true, false}: row.passed, {false, true}: row.resized, {true, true}: row.passedResized}
				passed := true
				for _, b := range s.Services[0].Backends {
					passed = passed && b.Alive && b.Accept && b.State == dataplane.Active
				}
				return dataplane.Changes{Moves: moves[[2]bool{passed, s.ResizeNow}]}
			}
			got, err := r.preview(t.Context(), []byte(row.text))
			if diff := cmp.Diff(row.want, got.Moves); err != nil || diff != "" || previews != row.previews {
				t.Errorf("%s: %v, asked %d times\n%s", row.name, err, previews, diff)
			}
		})
	}
}
