// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"

	"clearway/internal/control"
)

// service is what the daemon says of the only one.
func (f *farm) service(ctx context.Context) (control.Service, error) {
	services, err := f.daemon.client.Services(ctx)
	if err != nil {
		return control.Service{}, err
	}
	if len(services) != 1 {
		return control.Service{}, fmt.Errorf("the daemon has %d services, not one", len(services))
	}
	return services[0], nil
}

// backend is what it says of a server; the zero one if it isn't in the service.
func (f *farm) backend(ctx context.Context, s *webServer) (control.Backend, error) {
	service, err := f.service(ctx)
	for _, b := range service.Backends {
		if b.Address == s.address.String() {
			return b, err
		}
	}
	return control.Backend{}, err
}

// showBackends prints who served what, and fails if a connection broke.
func (f *farm) showBackends(ctx context.Context) error {
	fmt.Fprintln(f.out, "\nWho served what:")
	fmt.Fprintln(f.out)
	t := newTable(f.out, "backend", "address", "state", "connections", "requests", "packets to it", "broke")
	var failed []error
	for _, s := range f.servers {
		backend, err := f.backend(ctx, s)
		if err != nil {
			return err
		}
		mine, requests := f.visitorsOf(s)
		c := conditionOf(mine)
		broke := fmt.Sprint(len(c.broken))
		if s.killed.Load() {
			broke = fmt.Sprintf("%d ended with it", c.ended)
		} else if n := s.answers.Load(); n != requests {
			failed = append(failed, fmt.Errorf("%s answered %d requests, of which %d answers came", s.name, n, requests))
		}
		t.row(s.name, s.address.String(), backend.State, fmt.Sprint(len(mine)), count(requests), count(backend.Packets), broke)
	}
	t.flush()
	return errors.Join(append(failed, f.sum(ctx))...)
}

// visitorsOf are those whom a server has answered, and how often in all.
func (f *farm) visitorsOf(s *webServer) (mine []*visitor, requests uint64) {
	for _, v := range f.crowd.visitors {
		if n := v.answers.Load(); n > 0 && v.server == s.name {
			mine = append(mine, v)
			requests += n
		}
	}
	return mine, requests
}

// sum says how it went, and returns what went wrong.
func (f *farm) sum(ctx context.Context) error {
	service, err := f.service(ctx)
	if err != nil {
		return err
	}
	c := conditionOf(f.crowd.visitors)
	fmt.Fprintf(f.out, "\n%d TCP connections. %d established ones on living backends broke; %d ended with the backend that was killed.\n",
		c.all(), len(c.broken), c.ended)
	if n := len(c.broken); n > 0 {
		const most = 5
		return fmt.Errorf("%d established connections on living backends broke, the first ones: %w", n, errors.Join(c.broken[:min(n, most)]...))
	}
	if n := service.Dropped.Packets; n > 0 {
		return fmt.Errorf("%d packets to the service were dropped", n)
	}
	return nil
}
