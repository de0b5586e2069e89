// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"context"
	"errors"
	"fmt"
)

// Lab is a network of hosts. Its exported fields are the blueprint and must
// not change after [Lab.Up]. A Lab is not safe for concurrent use; its hosts
// are.
type Lab struct {
	Hosts []HostSpec
	Links []Link
	// StaticNeighbors gives both ends of each link permanent neighbour entries
	// for the addresses of the other, so that no packet waits for ARP.
	StaticNeighbors bool

	hosts map[string]*Host
}

// Up makes the lab. When it fails, or ctx ends, nothing of the lab remains.
// It needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
func (l *Lab) Up(ctx context.Context) (err error) {
	if l.hosts != nil {
		return errors.New("the lab is up already")
	}
	l.hosts = make(map[string]*Host)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	for _, step := range l.steps() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("making the lab: %w", err)
		}
		if err := step(); err != nil {
			return fmt.Errorf("making the lab: %w", err)
		}
	}
	return l.waitUp(ctx)
}

// steps lists what makes the lab. Hosts come first, and what uses devices of
// any kind after all devices.
func (l *Lab) steps() []func() error {
	var steps []func() error
	for _, spec := range l.Hosts {
		steps = append(steps, func() error { return l.addHost(spec) })
	}
	for i, link := range l.Links {
		steps = append(steps, func() error { return l.addLink(i, link) })
	}
	for _, spec := range l.Hosts {
		steps = append(steps, func() error { return l.hosts[spec.Name].populate(spec) })
	}
	return steps
}

func (l *Lab) addHost(spec HostSpec) error {
	if _, ok := l.hosts[spec.Name]; ok {
		return fmt.Errorf("host %s: there are two of that name", spec.Name)
	}
	h, err := newHost(spec.Name)
	if err != nil {
		return fmt.Errorf("host %s: %w", spec.Name, err)
	}
	l.hosts[spec.Name] = h
	return h.configure(spec)
}

// Host returns a host of a lab that is up. A name that the blueprint doesn't
// have is an error of the programmer and panics.
func (l *Lab) Host(name string) *Host {
	h, ok := l.hosts[name]
	if !ok {
		panic(fmt.Sprintf("topo: the lab has no host %q, or isn't up", name))
	}
	return h
}

// Close removes all of the lab and kills the programs started in it. Sockets
// that were made inside must be closed by their owners: they keep their
// namespace alive. Close may be called again, and after a failed Up.
func (l *Lab) Close() error {
	var errs []error
	for _, h := range l.hosts {
		errs = append(errs, h.close())
	}
	l.hosts = nil
	return errors.Join(errs...)
}
