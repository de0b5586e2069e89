// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"testing"
	"time"

	"clearway/tracking"
)

// TestSweep: which records stay. The slots are made by a change; each row puts a
// record into a slot of a kind, and tells whether it is there after a sweep.
func TestSweep(t *testing.T) {
	settled := func(s tracking.Slot) bool { return s.Settled() }
	const cur, base, other, drained, dead = "cur", "base", "other", "10.2.0.11", "10.2.0.12"
	for _, row := range []struct {
		name    string
		slot    func(tracking.Slot) bool
		backend string // of the slot, or an address
		flags   uint16
		age     time.Duration // to come until the sweep
		before  time.Duration // that it had before this process began
		stays   bool
	}{
		{"new owner of a slot that moves", moving, cur, flowConfirmed, 0, 0, true},
		{"former owner of a slot that moves", moving, base, flowConfirmed, 0, 0, true},
		{"says what a settled slot says", settled, cur, flowConfirmed, 0, 0, false},
		{"deviates from a settled slot", settled, drained, flowConfirmed, 0, 0, true},
		{"of a dead backend", moving, dead, flowConfirmed, 0, 0, false},
		{"nothing followed its start", moving, cur, 0, 80 * time.Second, 0, false},
		{"something may follow its start", moving, cur, 0, 70 * time.Second, 0, true},
		{"idle", settled, drained, flowConfirmed, 70 * time.Minute, 0, false},
		{"idle for less than an hour", settled, drained, flowConfirmed, 59 * time.Minute, 0, true},
		{"idle before this process began to tell the time", settled, drained, flowConfirmed, 0, 40 * time.Hour, true},
		{"no such backend", settled, other, flowConfirmed, 0, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newTimedRouter(t)
			r.now = 50 * time.Hour
			r.use()
			s := r.one(nil)
			s.Services[0].Settle = 40 * time.Minute
			r.apply(s)
			s = changedService(s, "web", func(s *Service) {
				drain(0)(s)
				s.Backends[1].Alive, s.Backends[1].Accept = false, false
			})
			r.apply(s)
			r.dp.swept = r.now // not now
			key := r.flowIn("web", row.slot)
			_, slot := r.dp.gen.image.registry.services["web"].slotOf(key)
			index := map[string]uint16{cur: slot.Cur(), base: slot.Base(), other: 99}[row.backend]
			if index == 0 {
				index = r.index("web", row.backend)
			}
			r.putFlow(key, index, row.flags, row.before)
			r.tick(max(row.age, sweepEvery))
			if _, there := r.flows("flows")[key]; there != row.stays {
				t.Errorf("it is there: %t, want %t", there, row.stays)
			}
		})
	}
}

// Records of services that are not there, or that track in another way, go.
func TestSweepOfOtherServices(t *testing.T) {
	r := newTimedRouter(t)
	s := r.one(nil)
	always := aService("always", "203.0.113.20", nil, "10.2.0.11")
	always.Tracking = TrackAlways
	never := aService("never", "203.0.113.21", nil, "10.2.0.11")
	never.Tracking = TrackNever
	s.Services = append(s.Services, always, never)
	r.apply(s)
	services := r.dp.gen.image.registry.services
	for _, id := range []uint32{services["always"].record.Id, services["never"].record.Id, 15} {
		r.putFlow(pipelineFlowKey{Service: id}, 1, flowConfirmed, 0)
	}
	kept := pipelineFlowKey{Service: services["always"].record.Id, Ports: 1}
	for _, key := range []pipelineFlowKey{kept, {Service: services["web"].record.Id}} {
		r.addFlow("flows_lru", key, pipelineFlow{Backend: 1, Flags: flowConfirmed, Seen: uint32(r.now / time.Second)})
	}
	r.tick(0)
	if got := r.flows("flows"); len(got) != 0 {
		t.Errorf("flows: %v", got)
	}
	if got := r.flows("flows_lru"); len(got) != 1 || got[kept].Backend != 1 {
		t.Errorf("flows_lru: %v, want that of %v", got, kept)
	}
	if got := r.service("always"); got.Settled != 251 || got.Resizing {
		t.Errorf("always: %+v", got)
	}
	for i, slot := range readSlots(t, r.dp)["always"] {
		if !slot.Record() {
			t.Fatalf("slot %d of a service that tracks always is %x", i, slot)
		}
	}
}

// More records than one system call carries.
func TestSweepOfManyFlows(t *testing.T) {
	r := newTimedRouter(t)
	s := r.one(nil)
	s.Limits.Flows = 20_000
	r.apply(s)
	id := r.dp.gen.image.registry.services["web"].record.Id
	for i := range uint32(15_000) {
		r.putFlow(pipelineFlowKey{Service: id + i%2, Ports: i}, 1+uint16(i%3), flowConfirmed, 0)
	}
	stay := 0
	one := r.dp.gen.image.registry.services["web"]
	for key, f := range r.flows("flows") {
		if key.Service != id {
			continue
		}
		if _, slot := one.slotOf(key); slot.Cur() != f.Backend {
			stay++
		}
	}
	r.tick(0)
	if got := len(r.flows("flows")); got != stay || stay < 4000 {
		t.Errorf("%d records stay, want %d", got, stay)
	}
}
