// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/health"
)

// BackendError says that a backend can't be one.
type BackendError struct {
	Service string
	Address netip.Addr
}

func (e *BackendError) Error() string {
	return fmt.Sprintf("backend %v of service %s is an address of this machine, and a balancer sends nothing to itself; "+
		"take it out of the service", e.Address, e.Service)
}

// balance plans the balance lane into s, whose ports and L3 interfaces are
// planned already.
func (b *builder) balance(in Input, s *dataplane.State) []error {
	c := in.Config.Balance
	s.Balance = dataplane.Balance{
		OuterHash: c.OuterMap == "hash",
		Seed:      c.Seed,
		Source4:   c.Source4,
		Source6:   c.Source6,
		GUEPort:   c.GUEPort,
		ICMPRate:  c.ICMPRate,
	}
	s.ResizeNow = in.ResizeNow
	ways := b.newWays(in.NextHops, s)
	var errs []error
	for _, service := range c.Services {
		planned, refused := planService(service, in, ways)
		s.Services = append(s.Services, planned)
		errs = append(errs, refused...)
		b.warnTroubles(service.Name, ways.takeTroubles())
		b.warnChecks(service, in)
	}
	s.NextHops = ways.hops
	return errs
}

func planService(c config.Service, in Input, ways *ways) (dataplane.Service, []error) {
	s := dataplane.Service{
		Name:      c.Name,
		Address:   c.Address,
		Protocol:  c.Protocol,
		Ports:     c.Ports,
		Mode:      c.Mode,
		Affinity:  c.Affinity,
		Tracking:  c.Tracking,
		Settle:    c.Settle,
		TableSize: c.TableSize,
	}
	var errs []error
	for _, configured := range c.Backends {
		key := health.Key{Service: c.Name, Address: configured.Address}
		status := health.Up // without a check
		if c.Health != nil {
			status = in.Health[key]
		}
		fit := ways.find(c, configured.Address)
		if ways.local(configured.Address) {
			errs = append(errs, &BackendError{c.Name, configured.Address})
		}
		if !fit {
			status = health.Gone
		}
		s.Backends = append(s.Backends, planBackend(configured, status, in.Orders[key]))
	}
	return s, errs
}

// OnceChecked returns services as they are when those backends have passed their
// health check that none has answered for yet, and whether there are any. The
// given ones stay as they are.
func OnceChecked(services []dataplane.Service) (later []dataplane.Service, differ bool) {
	later = slices.Clone(services)
	for i := range later {
		s := &later[i]
		s.Backends = slices.Clone(s.Backends)
		for j := range s.Backends {
			if b := &s.Backends[j]; b.State == dataplane.Unknown {
				b.State, b.Alive, b.Accept = dataplane.Active, true, true
				differ = true
			}
		}
	}
	return later, differ
}

// planBackend composes what the configuration, the health check and the operator
// say. The operator's word and weight 0 decide what the state is called and keep
// new flows away; those that a backend has go on no longer than it lives.
func planBackend(c config.Backend, status health.Status, order dataplane.Order) dataplane.Backend {
	b := dataplane.Backend{
		Address: c.Address,
		Weight:  c.Weight,
		Order:   order,
		Alive:   status == health.Up || status == health.Down,
	}
	switch {
	case order == dataplane.OrderDisable:
		b.State, b.Alive = dataplane.Disabled, false
	case order == dataplane.OrderDrain, c.Weight == 0:
		b.State = dataplane.Draining
	case status == health.Up:
		b.State, b.Accept = dataplane.Active, true
	case status == health.Unknown:
		b.State = dataplane.Unknown
	default:
		b.State = dataplane.Down
	}
	return b
}
