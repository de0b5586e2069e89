// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"clearway/dataplane"
	"clearway/internal/control"
)

// open waits until the servers of the service have passed their checks.
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
	before, err := f.daemon.log()
	if err != nil {
		return nil, err
	}
	if err := fn(); err != nil {
		return nil, err
	}
	for {
		log, err := f.daemon.log()
		if err != nil {
			return nil, err
		}
		if said := strings.TrimPrefix(log, before); slotsMove.MatchString(said) {
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

var slotsMove = regexp.MustCompile(`(\d+) of (\d+) slots move`)

// slotsMoved says how many slots the daemon has moved, of how many.
func slotsMoved(said []string) (string, error) {
	var moved, slots int
	for _, line := range said {
		if m := slotsMove.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return "", err
			}
			if slots, err = strconv.Atoi(m[2]); err != nil {
				return "", err
			}
			moved += n
		}
	}
	if slots == 0 {
		return "–", nil
	}
	return fmt.Sprintf("%d of %d slots, %.1f %%", moved, slots, 100*float64(moved)/float64(slots)), nil
}
