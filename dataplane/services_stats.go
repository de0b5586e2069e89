// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"slices"
	"strings"
)

// Services tells of all services as they are, by name. It works before the first
// Apply, too: then of those that a former process left. It returns ErrNotLoaded
// when nothing is pinned.
func (d *Dataplane) Services() ([]ServiceStats, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return followed(d, d.services)
}

func (d *Dataplane) services() ([]ServiceStats, error) {
	if d.manifest.Generation == 0 {
		return nil, ErrNotLoaded
	}
	g, err := d.shownRegistry()
	if err != nil || len(g.services) == 0 {
		return nil, err
	}
	services, err := d.root.openTally(d.manifest.Generation, "service_counters")
	if err != nil {
		return nil, err
	}
	defer services.close()
	backends, err := d.root.openTally(d.manifest.Generation, "backend_counters")
	if err != nil {
		return nil, err
	}
	defer backends.close()
	stats := make([]ServiceStats, 0, len(g.services))
	for _, r := range g.services {
		s := r.stats()
		if err := r.count(&s, services, backends); err != nil {
			return nil, err
		}
		stats = append(stats, s)
	}
	slices.SortFunc(stats, func(a, b ServiceStats) int { return strings.Compare(a.Name, b.Name) })
	return stats, nil
}

// shownRegistry is the live one, or what the pinned maps say.
func (d *Dataplane) shownRegistry() (registry, error) {
	if d.gen != nil {
		return d.gen.image.registry, nil
	}
	return d.root.readRegistry(&d.manifest, d.clock())
}

// stats tells all but counts.
func (r *registered) stats() ServiceStats {
	use := r.geometry()
	s := ServiceStats{Name: r.Name, Address: r.Address, Protocol: r.Protocol, Ports: r.Ports, Mode: r.Mode, Affinity: use.affinity,
		Tracking: r.Tracking, TableSize: use.size, Resizing: r.recording != 0, FailOpen: r.failOpen()}
	if r.table != nil {
		states := r.table.Count()
		s.Settled, s.Moving, s.Tail = states.Settled, states.Moving, states.Tail
		if r.Tracking == TrackAlways { // all are looked up, none is on its way
			s.Settled, s.Tail = s.Tail, 0
		}
	}
	owned := make([]int, len(r.members)+1)
	for _, slot := range r.slots() {
		owned[min(int(slot.Cur()), len(r.members))]++
	}
	for _, i := range r.shown() {
		m := r.members[i]
		s.Backends = append(s.Backends, BackendStats{Address: m.address, Weight: m.record.Weight, State: min(BackendState(m.record.State), Disabled),
			Order: Order(m.record.Order), Alive: m.is(pipelineBackendBitBACKEND_ALIVE), Accept: m.is(pipelineBackendBitBACKEND_ACCEPT),
			Removed: m.removed, Resolved: m.is(pipelineBackendBitBACKEND_RESOLVED), Slots: owned[i]})
	}
	return s
}

// shown lists the members that have an address, those that are configured first.
func (r *registered) shown() (indices []uint16) {
	for i, m := range r.members {
		if m.address.IsValid() {
			indices = append(indices, uint16(i))
		}
	}
	slices.SortFunc(indices, func(i, j uint16) int {
		a, b := r.members[i], r.members[j]
		return cmp.Or(cmp.Compare(flag(a.removed), flag(b.removed)), a.address.Compare(b.address))
	})
	return indices
}

// count adds what was counted.
func (r *registered) count(s *ServiceStats, services, backends tally) error {
	n, err := services.all(r.record.Id)
	if err != nil {
		return err
	}
	s.Dropped, s.Recorded, s.TrackFull = Counter{n[0], n[1]}, n[2], n[3]
	for i, index := range r.shown() {
		n, err := backends.all(r.members[index].record.Counter)
		if err != nil {
			return err
		}
		s.Backends[i].Sent = Counter{n[0], n[1]}
	}
	return nil
}
