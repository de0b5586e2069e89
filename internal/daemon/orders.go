// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/health"
)

// order gives a backend an order. Where that fails the former one stays.
func (r *reconciler) order(ctx context.Context, q control.OrderRequest) (control.Ordered, error) {
	key, err := findBackend(r.good, q)
	if err != nil {
		return control.Ordered{}, err
	}
	order, err := parseOrder(q.Order)
	if err != nil {
		return control.Ordered{}, err
	}
	before := r.snapshot().state
	if order == r.orders[key] {
		return control.Ordered{State: backendIn(before, key).State.String(), Changes: []string{}}, nil
	}
	orders := maps.Clone(r.orders)
	if orders[key] = order; order == dataplane.NoOrder {
		delete(orders, key)
	}
	p, err := r.replan(ctx, orders)
	if err != nil {
		return control.Ordered{}, r.note(err)
	}
	if order != dataplane.NoOrder && !q.Force && accepts(backendIn(before, key)) && !anyAccepts(p.state, key.Service) {
		return control.Ordered{}, errLast(key)
	}
	changes, _, err := r.applyAttachable(ctx, p)
	if err != nil {
		return control.Ordered{}, err
	}
	return control.Ordered{State: backendIn(p.state, key).State.String(), Changes: append([]string{}, changes.Lines...)}, nil
}

// errLast refuses an order.
func errLast(key health.Key) error {
	return &control.Error{Code: http.StatusConflict, Message: fmt.Sprintf("backend %v is the last of service %s that accepts flows: "+
		"with none left the table stays as it is, and they go on to it; --force does it", key.Address, key.Service)}
}

// findBackend finds what an order is for in the configuration.
func findBackend(c *config.Config, q control.OrderRequest) (health.Key, error) {
	var names []string
	for _, s := range c.Balance.Services {
		if s.Name != q.Service {
			names = append(names, s.Name)
			continue
		}
		var addresses []string
		for _, b := range s.Backends {
			if wanted, err := netip.ParseAddr(q.Backend); err == nil && wanted == b.Address {
				return health.Key{Service: s.Name, Address: b.Address}, nil
			}
			addresses = append(addresses, b.Address.String())
		}
		return health.Key{}, control.Invalidf("service %s has no backend %q, only: %s", s.Name, q.Backend, listed(addresses))
	}
	return health.Key{}, control.Invalidf("there is no service %q, only: %s", q.Service, listed(names))
}

// listed names some, for a message.
func listed(names []string) string {
	const most = 10
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		names = append(slices.Clone(names[:most]), "…")
	}
	return strings.Join(names, ", ")
}

func parseOrder(text string) (dataplane.Order, error) {
	for _, o := range []dataplane.Order{dataplane.NoOrder, dataplane.OrderDrain, dataplane.OrderDisable} {
		if o.String() == text {
			return o, nil
		}
	}
	return 0, control.Invalidf("order %q is none of none, drain, disable", text)
}

// backendIn finds a backend in a state; the zero one if it isn't there.
func backendIn(s dataplane.State, key health.Key) dataplane.Backend {
	for _, service := range s.Services {
		if service.Name != key.Service {
			continue
		}
		for _, b := range service.Backends {
			if b.Address == key.Address {
				return b
			}
		}
	}
	return dataplane.Backend{}
}

func accepts(b dataplane.Backend) bool { return b.Accept && b.Weight > 0 }

func anyAccepts(s dataplane.State, service string) bool {
	return slices.ContainsFunc(s.Services, func(s dataplane.Service) bool {
		return s.Name == service && slices.ContainsFunc(s.Backends, accepts)
	})
}
