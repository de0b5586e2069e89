// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clearway/dataplane"
	"clearway/internal/control"
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
	t := newTable(f.out, "what happens", "slots that move", "connections of before", "new connections", "go to")
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
	said, err := a.do(ctx, f)
	if err != nil {
		return err
	}
	before := f.crowd.visitors
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
	t.row(a.name, moved, fateOf(f.sort(before)), fmt.Sprint(len(entered)), f.listTakers(entered))
	return f.checkTakers(a, entered)
}

// fateOf says it in short: the error that follows from broken ones comes later,
// when all acts were played.
func fateOf(c condition) string {
	if c.all() == 0 {
		return "–"
	}
	text := fmt.Sprintf("%d go on, %d broke", c.on, len(c.broken))
	if c.ended > 0 {
		text += fmt.Sprintf(", %d ended with their server", c.ended)
	}
	return text
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
		return fmt.Errorf("new connections go to %s", f.listTakers(entered))
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

func (f *farm) listTakers(visitors []*visitor) string {
	by := takers(visitors)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		list = append(list, fmt.Sprintf("%s %d", name, by[name]))
	}
	return strings.Join(list, ", ")
}

func open(ctx context.Context, f *farm) ([]string, error) {
	for _, s := range f.servers[:farmServers-1] {
		if err := f.await(ctx, s, dataplane.Active); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func killServer1(ctx context.Context, f *farm) ([]string, error) {
	return f.logged(ctx, func() error {
		if err := f.servers[0].kill(); err != nil {
			return err
		}
		return f.await(ctx, f.servers[0], dataplane.Down)
	})
}

func drainServer2(ctx context.Context, f *farm) ([]string, error) {
	done, err := f.daemon.client.Order(ctx, control.OrderRequest{Service: "web", Backend: f.servers[1].address.String(),
		Order: dataplane.OrderDrain.String()})
	if err != nil {
		return nil, err
	}
	return done.Changes, f.await(ctx, f.servers[1], dataplane.Draining)
}

func addServer4(ctx context.Context, f *farm) ([]string, error) {
	return f.logged(ctx, func() error {
		_, err := f.daemon.client.Reload(ctx, control.ReloadRequest{File: f.daemon.text(balanceConfig(farmServers))})
		if err != nil {
			return err
		}
		return f.await(ctx, f.servers[3], dataplane.Active) // its first check has succeeded
	})
}

// logged returns what the daemon logs of a change that fn makes. It moves slots,
// and the log tells that a moment after it was done.
func (f *farm) logged(ctx context.Context, fn func() error) ([]string, error) {
	before := len(f.daemon.log.String())
	if err := fn(); err != nil {
		return nil, err
	}
	for {
		said := f.daemon.log.String()[before:]
		if slotsMove.MatchString(said) {
			return strings.Split(said, "\n"), nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the daemon to log how many slots move: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// await waits until the daemon says that a server is in a state.
func (f *farm) await(ctx context.Context, s *webServer, state dataplane.BackendState) error {
	for {
		backend, err := f.backend(ctx, s)
		if err != nil || backend.State == state.String() {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s to be %s: it is %s: %w", s.name, state, backend.State, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
