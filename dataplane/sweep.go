// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"slices"
	"time"

	"clearway/tracking"
)

// sweep goes through the flow records once. Those that say nothing any more are
// deleted; slots that no record deviates from need no look-up; and numbers that
// no table named before and no record names now are free.
func (d *Dataplane) sweep(ctx context.Context, now time.Duration) error {
	registry := &d.gen.image.registry
	s := newSweep(registry, clockAt(now), uint32(d.started/time.Second))
	for _, name := range flowMaps {
		s.tracking = map[string]Tracking{"flows": TrackChanged, "flows_lru": TrackAlways}[name]
		if err := withFlows(d.gen.maps(name), func(r flowRecords) error { return r.prune(s.judge) }); err != nil {
			return err
		}
	}
	d.swept = now
	changed := s.free()
	if len(changed) == 0 && len(registry.retired) == 0 {
		return nil
	}
	want := *d.gen.image
	want.registry = registry.with(changed)
	want.registry.retired = nil
	return d.changeServices(ctx, &want)
}

// sweep is one round through the records.
type sweep struct {
	clock    tracking.Clock
	start    uint32 // of this process: before that nobody told the programs the time
	tracking Tracking
	services map[uint32]*swept
}

// swept is a service while its records are gone through.
type swept struct {
	*registered
	backends tracking.Backends
	unnamed  []uint16 // removed members that the table did not name when it began
	deviates []bool   // by slot; nil while there is none
}

func newSweep(g *registry, clock pipelineClock, start uint32) *sweep {
	s := &sweep{clock: tracking.Clock{Seconds: clock.Seconds, Refresh: clock.Refresh}, start: start,
		services: make(map[uint32]*swept, len(g.services))}
	for _, r := range g.services {
		s.services[r.record.Id] = &swept{registered: r, backends: r.backends(), unnamed: r.unnamed()}
	}
	return s
}

// unnamed lists the removed members that the table does not name.
func (r *registered) unnamed() (indices []uint16) {
	if !slices.ContainsFunc(r.members, func(m member) bool { return m.removed }) {
		return nil
	}
	used := make([]bool, tracking.MaxBackend+1)
	if r.table != nil {
		r.table.MarkUsed(used)
	}
	for i, m := range r.members {
		if m.removed && !used[i] {
			indices = append(indices, uint16(i))
		}
	}
	return indices
}

// judge tells whether a record is dead, says nothing any more. Where it isn't, it
// notes that the slot has one that deviates.
func (s *sweep) judge(key pipelineFlowKey, f pipelineFlow) (dead bool) {
	r := s.services[key.Service]
	if r == nil || r.Tracking != s.tracking || r.table == nil {
		return true
	}
	number, slot := r.slotOf(key)
	flow := tracking.Flow{Backend: f.Backend, Confirmed: f.Flags&flowConfirmed != 0, Seen: min(max(f.Seen, s.start), s.clock.Seconds)}
	if flow.Expired(slot, r.backends, s.clock, r.Settle) {
		return true
	}
	if f.Backend == slot.Cur() {
		return false
	}
	if r.deviates == nil {
		r.deviates = make([]bool, r.record.Size)
	}
	r.deviates[number] = true
	return false
}

// slotOf finds the slot of a flow.
func (r *registered) slotOf(key pipelineFlowKey) (number int, slot tracking.Slot) {
	number = slotOf(flowHash(r.record, key), r.record.Size)
	return number, r.slots()[number]
}

const flowConfirmed = 1 // FLOW_CONFIRMED in bpf/abi.h

// free makes the services anew that the round has changed.
func (s *sweep) free() map[string]*registered {
	changed := map[string]*registered{}
	for _, r := range s.services {
		next := *r.registered
		if t := r.clearedTable(); t != nil {
			next.table = t
		} else if len(r.unnamed) == 0 {
			continue
		}
		next.members = slices.Clone(r.members)
		for _, i := range r.unnamed {
			next.members[i] = member{} // its records are dead: none is left
		}
		changed[next.Name] = &next
	}
	return changed
}

// clearedTable is the table without look-ups that find nothing; nil if it has
// none of those.
func (s *swept) clearedTable() *tracking.Table {
	if s.table == nil || s.table.Count().Tail == 0 {
		return nil
	}
	t := s.table.Clone()
	if !t.ClearLookup(func(slot int) bool { return s.deviates != nil && s.deviates[slot] }) {
		return nil
	}
	return t
}
