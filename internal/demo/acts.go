// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// act is a change while connections go on, and what new ones find after it.
type act struct {
	name string
	// do makes the change, waits until it holds, and returns what the daemon
	// says of it.
	do       func(context.Context, *farm) (said []string, err error)
	visitors int   // that enter after it
	takers   []int // servers, by number, among which they must be spread
}

func acts() []act {
	return []act{
		{"the service is opened", open, 300, []int{1, 2, 3}},
		{"server1 is killed", killServer1, 100, []int{2, 3}},
		{"server2 is drained", drainServer2, 100, []int{3}},
		{"server4 is added by a reload", addServer4, 100, []int{3, 4}},
	}
}

func (f *farm) playActs(ctx context.Context) error {
	fmt.Fprintf(f.out, "Each connection sends %d KiB and gets them back, again and again, while:\n\n", pageBytes>>10)
	t := newTable(f.out, "what happens", "new flows that move", "connections from before", "new connections")
	defer t.flush()
	for _, a := range acts() {
		if err := f.playAct(ctx, a, t); err != nil {
			t.row(a.name, "FAILED")
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// playAct plays it and adds its row. Those who were there before go on all the
// while, and each must have had answers since.
func (f *farm) playAct(ctx context.Context, a act, t *table) error {
	before := f.crowd.present()
	said, err := a.do(ctx, f)
	if err != nil {
		return err
	}
	if err := f.crowd.proceed(ctx, before, 2); err != nil {
		return err
	}
	entered, err := f.crowd.enter(ctx, a.visitors)
	if err != nil {
		return err
	}
	moved, err := slotsMoved(said)
	if err != nil {
		return err
	}
	t.row(a.name, moved, conditionOf(before).String(), fmt.Sprintf("%d: %s", len(entered), listTakers(entered)))
	return f.checkTakers(a, entered)
}

// checkTakers wants new connections at each server that should get some, and at
// no other.
func (f *farm) checkTakers(a act, entered []*visitor) error {
	got := takers(entered)
	for _, n := range a.takers {
		if name := f.servers[n-1].name; got[name] == 0 {
			return fmt.Errorf("no new connection goes to %s", name)
		}
	}
	if len(got) > len(a.takers) {
		return fmt.Errorf("new connections go to %s", listTakers(entered))
	}
	return nil
}

// takers counts visitors by the server that answers them.
func takers(visitors []*visitor) map[string]int {
	by := map[string]int{}
	for _, v := range visitors {
		if v.answers.Load() > 0 {
			by[v.server]++
		}
	}
	return by
}

func listTakers(visitors []*visitor) string {
	by := takers(visitors)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		list = append(list, fmt.Sprintf("%s %d", name, by[name]))
	}
	return strings.Join(list, ", ")
}
