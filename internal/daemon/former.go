// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"

	"clearway/dataplane"
	"clearway/internal/health"
)

// readFormer takes over what only the data path knows since a former process
// ended: the operator's orders, and the health of backends.
func (r *reconciler) readFormer() error {
	stats, err := r.dataplane.Services()
	if errors.Is(err, dataplane.ErrNotLoaded) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the services of the former process: %w", err)
	}
	services := formerServices(stats)
	r.orders, r.former = ordersOf(services), healthOf(services)
	return nil
}

// formerServices are the services with backends that are still theirs.
func formerServices(stats []dataplane.ServiceStats) []dataplane.Service {
	var all []dataplane.Service
	for _, s := range stats {
		service := dataplane.Service{Name: s.Name}
		for _, b := range s.Backends {
			if !b.Removed {
				service.Backends = append(service.Backends,
					dataplane.Backend{Address: b.Address, Alive: b.Alive, Accept: b.Accept, State: b.State, Order: b.Order})
			}
		}
		all = append(all, service)
	}
	return all
}

func ordersOf(services []dataplane.Service) map[health.Key]dataplane.Order {
	orders := make(map[health.Key]dataplane.Order)
	for _, s := range services {
		for _, b := range s.Backends {
			if b.Order != dataplane.NoOrder {
				orders[health.Key{Service: s.Name, Address: b.Address}] = b.Order
			}
		}
	}
	return orders
}
