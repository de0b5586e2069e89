// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"slices"
	"time"

	"clearway/maglev"
	"clearway/tracking"
)

// geometry is what can't change without moving flows that are not recorded.
type geometry struct {
	size     int
	seed     uint64
	affinity Affinity
}

func (a *advance) geometry(s Service) geometry {
	return geometry{s.TableSize, a.state.Balance.Seed, s.Affinity}
}

// geometry is the one in use.
func (r *registered) geometry() geometry {
	g := geometry{int(r.record.Size), r.record.Seed, AffinityNone}
	if r.is(pipelineServiceBitSERVICE_AFFINITY_SOURCE) {
		g.affinity = AffinitySource
	}
	return g
}

// arrange works out the table of a service, and returns its geometry. use is the
// one of the present table. When nobody accepts, the table stays as it is.
func (a *advance) arrange(present, r *registered, use geometry) (geometry, error) {
	want := a.geometry(r.Service)
	r.table = present.table
	if len(r.Backends) == 0 {
		r.table = nil
		return want, nil
	}
	if r.table != nil && present.Tracking != r.Tracking {
		r.table = restart(r)
	}
	switch {
	case r.table == nil:
		return want, a.begin(r, want)
	case r.Tracking != TrackChanged:
		if len(r.accepting()) == 0 {
			return use, nil
		}
		return want, a.begin(r, want)
	case use == want && present.recording == 0:
		return use, a.merge(present, r, use)
	default:
		return a.resize(present, r, use, want)
	}
}

// restart is a table with the owners that there are, and no history: records are
// in other maps, or not made at all.
func restart(r *registered) *tracking.Table {
	owners := make([]uint16, len(r.slots()))
	for i, s := range r.slots() {
		owners[i] = s.Cur()
	}
	return r.newTable(owners)
}

// newTable is one where each flow belongs to the owner of its slot, but for
// those that have a record, where all have.
func (r *registered) newTable(owners []uint16) *tracking.Table {
	t := tracking.New(owners)
	if r.Tracking == TrackAlways {
		t.RecordAll()
	}
	return t
}

// begin makes a table without history, unless it is the one that there is.
func (a *advance) begin(r *registered, g geometry) error {
	if len(r.accepting()) == 0 {
		return nil
	}
	owners, err := a.owners(r, g)
	if err != nil {
		return err
	}
	if t := r.newTable(owners); !slices.Equal(t.Slots(), r.slots()) {
		r.table = t
	}
	return nil
}

// merge lets new flows go to their new owners, and others where they were. If
// nobody accepts, the owners stay.
func (a *advance) merge(present, r *registered, g geometry) error {
	t := r.table.Clone()
	changed := t.Settle(a.now, r.Settle)
	if present.adopted || differ(present, r) {
		var owners []uint16
		if len(r.accepting()) > 0 {
			var err error
			if owners, err = a.owners(r, g); err != nil {
				return err
			}
		}
		changed = t.Merge(owners, r.backends(), a.now) || changed
	}
	if changed {
		r.table = t
	}
	return nil
}

// differ tells whether the backends of a service have become others in a way
// that its table must follow.
func differ(before, after *registered) bool {
	relevant := pipelineBackendBitBACKEND_ALIVE | pipelineBackendBitBACKEND_ACCEPT
	same := func(a, b member) bool {
		return a.record.Weight == b.record.Weight && (a.record.Flags^b.record.Flags)&uint16(relevant) == 0
	}
	return !slices.EqualFunc(before.members, after.members, same)
}

// resize moves over to another geometry. Before it may, all flows are recorded
// for as long as slots take to settle, during which the former one goes on.
func (a *advance) resize(present, r *registered, use, want geometry) (geometry, error) {
	r.recording = present.recording
	if r.recording == 0 {
		r.recording = a.now
	}
	if done := a.state.ResizeNow || a.now-r.recording >= r.Settle; !done || len(r.accepting()) == 0 {
		if err := a.merge(present, r, use); err != nil {
			return use, err
		}
		if t := r.table.Clone(); t.RecordAll() {
			r.table = t
		}
		return use, nil
	}
	owners, err := a.owners(r, want)
	if err != nil {
		return use, err
	}
	r.table, r.recording = tracking.Replace(owners), 0
	return want, nil
}

// owners builds the Maglev table of those that accept.
func (a *advance) owners(r *registered, g geometry) ([]uint16, error) {
	indices := r.accepting()
	indices = indices[:min(len(indices), g.size)] // a larger table may be on its way
	backends := make([]maglev.Backend, len(indices))
	for i, index := range indices {
		m := r.members[index]
		backends[i] = maglev.Backend{Name: m.address.String(), Weight: uint32(m.record.Weight)}
	}
	owners := make(maglev.Table, g.size)
	if err := a.builder.Build(owners, g.seed, backends); err != nil {
		return nil, fmt.Errorf("service %s: building its table: %w", r.Name, err)
	}
	for i, place := range owners {
		owners[i] = indices[place]
	}
	return owners, nil
}

// dueAt is when time alone changes something; 0: never.
func (a *advance) dueAt(r *registered) (due time.Duration) {
	if r.table == nil {
		return 0
	}
	if at, any := r.table.NextSettle(r.Settle); any && r.Tracking == TrackChanged {
		due = at
	}
	if r.recording != 0 && len(r.accepting()) > 0 {
		if at := r.recording + r.Settle; due == 0 || at < due {
			due = at
		}
	}
	return due
}
