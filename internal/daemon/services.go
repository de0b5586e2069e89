// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/health"
)

// servicesOf puts services into the words of the API, with what is known of the
// health of their backends.
func servicesOf(stats []dataplane.ServiceStats, checked map[health.Key]health.Result) []control.Service {
	all := []control.Service{} // not null in JSON
	for _, s := range stats {
		wire := control.Service{
			Name: s.Name, Address: s.Address.String(), Protocol: s.Protocol.String(), Ports: append([]uint16{}, s.Ports...),
			Mode: string(s.Mode), Affinity: string(s.Affinity), Tracking: string(s.Tracking), TableSize: s.TableSize,
			Slots:    control.Slots{Settled: s.Settled, Moving: s.Moving, Tail: s.Tail},
			Resizing: s.Resizing, FailOpen: s.FailOpen,
			Dropped: control.Counter(s.Dropped), Recorded: s.Recorded, TrackFull: s.TrackFull,
			Backends: []control.Backend{},
		}
		for _, b := range s.Backends {
			backend := wireBackend(b)
			if r, ok := checked[health.Key{Service: s.Name, Address: b.Address}]; ok {
				backend.Health = wireHealth(r)
			}
			wire.Backends = append(wire.Backends, backend)
		}
		all = append(all, wire)
	}
	return all
}

func wireBackend(b dataplane.BackendStats) control.Backend {
	wire := control.Backend{
		Address: b.Address.String(), State: b.State.String(), Order: b.Order.String(), Weight: b.Weight, Slots: b.Slots,
		Resolved: b.Resolved, Packets: b.Sent.Packets, Bytes: b.Sent.Bytes,
	}
	if b.Removed {
		wire.State = control.Removed
	}
	return wire
}

func wireHealth(r health.Result) *control.Health {
	return &control.Health{Status: r.Status.String(), Since: r.Since, Error: r.Error, TookSeconds: r.Took.Seconds(), Missing: r.Missing}
}
