// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"clearway/tracking"
)

// timedRouter is a router whose time the test makes.
type timedRouter struct {
	*router
	now time.Duration
}

func newTimedRouter(t *testing.T) *timedRouter {
	r := &timedRouter{newRouter(t, Native), time.Hour}
	r.state.Limits = Limits{Interfaces: 4, L3Interfaces: 16, Ifindex: 500, Services: 20, Backends: 100, Flows: 1000}
	r.use()
	return r
}

// use gives the data path of a new process the test's time.
func (r *timedRouter) use() { r.dp.clock, r.dp.started = func() time.Duration { return r.now }, r.now }

func (r *timedRouter) tick(after time.Duration) (c Changes) {
	r.t.Helper()
	r.now += after
	r.do(func() (err error) {
		c, err = r.dp.Tick(context.Background())
		return err
	})
	return c
}

func (r *timedRouter) restart() {
	r.t.Helper()
	r.router.restart()
	r.use()
}

func (r *timedRouter) service(name string) ServiceStats {
	r.t.Helper()
	all, err := r.dp.Services()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	r.t.Fatalf("no service %s among %v", name, all)
	return ServiceStats{}
}

// index is the local index of a backend, 0 if it has none.
func (r *timedRouter) index(service, backend string) uint16 {
	for i, m := range r.dp.gen.image.registry.services[service].members {
		if m.address.IsValid() && m.address == netip.MustParseAddr(backend) {
			return uint16(i)
		}
	}
	return 0
}

// flowIn is the key of a flow of a service in a slot for which ok is true.
func (r *timedRouter) flowIn(service string, ok func(tracking.Slot) bool) pipelineFlowKey {
	r.t.Helper()
	one := r.dp.gen.image.registry.services[service]
	for port := range uint32(1 << 16) {
		key := pipelineFlowKey{Service: one.record.Id, Ports: port, Source: [4]uint32{0x0a0a0a0a}}
		if _, slot := one.slotOf(key); ok(slot) {
			return key
		}
	}
	r.t.Fatalf("service %s has no such slot", service)
	return pipelineFlowKey{}
}

func (r *timedRouter) putFlow(key pipelineFlowKey, backend uint16, flags uint16, age time.Duration) {
	r.t.Helper()
	r.addFlow("flows", key, pipelineFlow{Backend: backend, Flags: flags, Seen: uint32((r.now - age) / time.Second)})
}

func (r *timedRouter) addFlow(name string, key pipelineFlowKey, f pipelineFlow) {
	r.t.Helper()
	m := r.dp.gen.maps(name)
	err := withFlows(m, func(records flowRecords) error {
		_, err := records.add(key, f)
		return err
	})
	if err != nil {
		r.t.Fatalf("adding a record to %s: %v", name, err)
	}
	if _, found, err := findFlow(m, key); err != nil || !found {
		r.t.Fatalf("%s had no room for a record: %v", name, err)
	}
}

func findFlow(m *ebpf.Map, key pipelineFlowKey) (f pipelineFlow, found bool, err error) {
	if m.Type() != ebpf.Array {
		return flowHashMap{m}.find(key)
	}
	err = withFlowSets(m, func(s flowSets) error {
		f, found = s.of(key).find(key)
		return nil
	})
	return f, found, err
}

func (r *timedRouter) flows(name string) map[pipelineFlowKey]pipelineFlow {
	r.t.Helper()
	all := map[pipelineFlowKey]pipelineFlow{}
	err := eachFlow(r.dp.gen.maps(name), func(k pipelineFlowKey, f pipelineFlow) { all[k] = f })
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *timedRouter) one(change func(*Service)) State {
	s := r.state
	s.Services = []Service{aService("web", "203.0.113.10", []uint16{80}, "10.2.0.11", "10.2.0.12", "10.2.0.13")}
	s.Balance.Seed = 5
	if change != nil {
		s = changedService(s, "web", change)
	}
	return s
}

func moving(s tracking.Slot) bool { return s.Moving() }

func drain(i int) func(*Service) {
	return func(s *Service) { s.Backends[i].Accept, s.Backends[i].State = false, Draining }
}

// TestSlotsSettle: after a change slots move for as long as the service says,
// and are looked up for as long as records say something else.
func TestSlotsSettle(t *testing.T) {
	r := newTimedRouter(t)
	r.apply(r.one(nil))
	if s := r.service("web"); s.Settled != 251 || s.Moving+s.Tail != 0 {
		t.Fatalf("at first: %+v", s)
	}
	drained := r.one(drain(0))
	c := r.apply(drained)
	moved := r.service("web").Moving
	if moved < 80 || len(c.Moves) != 1 || c.Moves[0] != (Moves{"web", moved, 251, false}) {
		t.Fatalf("%d slots move, told of %v", moved, c.Moves)
	}
	key := r.flowIn("web", moving)
	r.tick(5 * time.Minute)
	r.putFlow(key, r.index("web", "10.2.0.11"), flowConfirmed, 0)
	if s := r.service("web"); s.Moving != moved {
		t.Fatalf("after five minutes: %+v", s)
	}
	r.tick(time.Minute)
	// Settled, and swept at once: but for the slot of the flow nothing is looked up.
	if s := r.service("web"); s.Moving != 0 || s.Tail != 1 || s.Settled != 250 {
		t.Fatalf("after six minutes: %+v", s)
	}
	if len(r.flows("flows")) != 1 {
		t.Fatal("the record of a flow that still deviates is gone")
	}
	r.tick(2 * time.Hour)
	if s := r.service("web"); s.Tail != 0 || len(r.flows("flows")) != 0 {
		t.Fatalf("after two hours: %+v, %v", s, r.flows("flows"))
	}
	checkMaps(t, r.dp, drained)
	if c := r.tick(time.Second); len(c.Lines)+len(c.Moves) > 0 {
		t.Errorf("nothing is due, but %v", c)
	}
}

// TestIndicesRest: the index of a backend that has left goes to nobody until a
// sweep has found that nothing refers to it.
func TestIndicesRest(t *testing.T) {
	r := newTimedRouter(t)
	r.apply(r.one(nil))
	r.tick(0)
	index := r.index("web", "10.2.0.12")
	key := r.flowIn("web", func(s tracking.Slot) bool { return s.Cur() == index })
	r.putFlow(key, index, flowConfirmed, 0)
	without := r.one(func(s *Service) { s.Backends = append(s.Backends[:1:1], s.Backends[2]) })
	r.apply(without)
	if b := r.service("web").Backends; len(b) != 3 || !b[2].Removed || b[2].Alive {
		t.Fatalf("the one that left: %+v", b)
	}
	with := changedService(without, "web", func(s *Service) {
		s.Backends = append(s.Backends, aService("", "203.0.113.10", nil, "10.2.0.99").Backends...)
	})
	r.apply(with)
	if got := r.index("web", "10.2.0.99"); got == index || got == 0 {
		t.Fatalf("the new one has index %d, the one that left had %d", got, index)
	}
	r.tick(time.Minute)
	if len(r.flows("flows")) != 0 || r.index("web", "10.2.0.12") != 0 {
		t.Fatalf("a sweep left %v, index %d", r.flows("flows"), r.index("web", "10.2.0.12"))
	}
	r.apply(changedService(with, "web", func(s *Service) {
		s.Backends = append(s.Backends, aService("", "203.0.113.10", nil, "10.2.0.100").Backends...)
	}))
	if got := r.index("web", "10.2.0.100"); got != index {
		t.Errorf("index %d is free, the new one has %d", index, got)
	}
}

// TestNobodyAccepts: the last table stays, and with it all that it names.
func TestNobodyAccepts(t *testing.T) {
	r := newTimedRouter(t)
	r.apply(r.one(nil))
	slots := readSlots(t, r.dp)["web"]
	others := r.one(func(s *Service) {
		s.Backends = aService("", "203.0.113.10", nil, "10.2.0.21", "10.2.0.22").Backends
		for i := range s.Backends {
			s.Backends[i].Accept, s.Backends[i].Alive, s.Backends[i].State = false, false, Unknown
		}
	})
	r.apply(others)
	r.tick(time.Hour)
	r.tick(sweepEvery)
	got := r.service("web")
	if !got.FailOpen || len(got.Backends) != 5 || got.Backends[2].Slots == 0 || !slices.Equal(readSlots(t, r.dp)["web"], slots) {
		t.Fatalf("nobody accepts: %+v", got)
	}
	r.restart()
	r.apply(others)
	if again := r.service("web"); !again.FailOpen || !slices.Equal(readSlots(t, r.dp)["web"], slots) {
		t.Fatalf("after a restart: %+v", again)
	}
	ready := changedService(others, "web", func(s *Service) { s.Backends[1].Accept, s.Backends[1].Alive = true, true })
	r.apply(ready)
	r.tick(sweepEvery)
	if got := r.service("web"); got.FailOpen || len(got.Backends) != 2 || got.Backends[1].Slots != 251 {
		t.Fatalf("one accepts: %+v", got)
	}
	checkMaps(t, r.dp, ready)
	none := changedService(ready, "web", func(s *Service) { s.Backends = nil })
	r.apply(none)
	if got := r.service("web"); got.FailOpen || got.Settled != 0 || readSlots(t, r.dp)["web"] != nil {
		t.Fatalf("no backend at all: %+v", got)
	}
}

// The id of a service that has gone rests likewise.
func TestServiceIDsRest(t *testing.T) {
	r := newTimedRouter(t)
	s := withServices(r.one(nil))
	r.apply(s)
	r.tick(0)
	r.countSome("web")
	s.Limits.Services, s.Limits.Backends = s.Limits.Services+1, s.Limits.Backends+1 // what was counted is now in other maps
	r.apply(s)
	r.countSome("web")
	id := r.dp.gen.image.registry.services["web"].record.Id
	r.putFlow(pipelineFlowKey{Service: id, Ports: 9}, 1, flowConfirmed, 0)
	without := s
	without.Services = slices.Clone(s.Services[1:])
	r.apply(without)
	again := func(name string) uint32 {
		one := aService(name, "203.0.113.40", nil, "10.2.0.11")
		without.Services = append(slices.Clone(without.Services), one)
		one.Address = netip.AddrFrom4([4]byte{203, 0, 113, byte(100 + len(without.Services))})
		without.Services[len(without.Services)-1] = one
		r.apply(without)
		return r.dp.gen.image.registry.services[name].record.Id
	}
	if got := again("a"); got == id {
		t.Fatalf("a new service got id %d at once", id)
	}
	r.tick(time.Minute)
	if len(r.flows("flows")) != 0 {
		t.Fatal("a sweep left a record of a service that has gone")
	}
	if got := again("b"); got != id {
		t.Errorf("id %d is free, the new service has %d", id, got)
	}
	for _, one := range r.services() {
		if one.Recorded+one.TrackFull+one.Dropped.Packets+one.Backends[0].Sent.Packets > 0 {
			t.Errorf("nothing was sent to %+v", one)
		}
	}
}

// TestResize: all flows are recorded for the time to settle, then another size
// holds.
func TestResize(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(s *State)
	}{
		{"size", func(s *State) { s.Services[0].TableSize = 509 }},
		{"smaller", func(s *State) { s.Services[0].TableSize = 127 }},
		{"seed", func(s *State) { s.Balance.Seed = 99 }},
		{"affinity", func(s *State) { s.Services[0].Affinity = AffinitySource }},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newTimedRouter(t)
			before := r.one(nil)
			r.apply(before)
			r.tick(0)
			s := changedService(before, "web", func(*Service) {})
			row.change(&s)
			r.apply(s)
			if got := r.service("web"); !got.Resizing || got.TableSize != 251 {
				t.Fatalf("at first: %+v", got)
			}
			r.tick(3 * time.Minute)
			drained := changedService(s, "web", drain(0)) // goes on with the former size
			r.apply(drained)
			checkRecording(t, r)
			c := r.tick(3 * time.Minute)
			if got := r.service("web"); got.Resizing || got.TableSize != s.Services[0].TableSize || got.Affinity != s.Services[0].Affinity {
				t.Fatalf("after six minutes: %+v", got)
			}
			if len(c.Moves) != 1 || !c.Moves[0].Resize || len(c.Lines) == 0 {
				t.Errorf("told of %+v", c)
			}
			checkMaps(t, r.dp, drained)
			r.tick(time.Minute)
			if got := r.service("web"); got.Settled != got.TableSize {
				t.Errorf("a minute later: %+v", got)
			}
		})
	}
}

func checkRecording(t *testing.T, r *timedRouter) {
	t.Helper()
	for i, slot := range readSlots(t, r.dp)["web"] {
		if !slot.Record() {
			t.Fatalf("slot %d is %x: its flows aren't recorded", i, slot)
		}
		if slot.Cur() == r.index("web", "10.2.0.11") {
			t.Fatalf("slot %d sends new flows to one that drains", i)
		}
	}
}

// Asked to, it does not wait; and a size that is taken back in the meantime is
// waited for as well, since flows have moved to records.
func TestResizeNowAndBack(t *testing.T) {
	r := newTimedRouter(t)
	before := r.one(nil)
	r.apply(before)
	s := r.one(func(s *Service) { s.TableSize = 509 })
	s.ResizeNow = true
	r.apply(s)
	checkMaps(t, r.dp, s)
	back := before
	r.apply(back)
	r.tick(time.Minute)
	s.ResizeNow = false
	r.apply(s)
	if got := r.service("web"); !got.Resizing {
		t.Fatalf("taken back: %+v", got)
	}
	r.tick(5 * time.Minute)
	if got := r.service("web"); got.Resizing || got.TableSize != 509 {
		t.Errorf("in the end: %+v", got)
	}
	checkMaps(t, r.dp, s)
}
