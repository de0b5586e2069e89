// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/netip"

	"github.com/cilium/ebpf"

	"clearway/tracking"
)

func (o *oracle) decide() *ebpf.Program {
	if o.former != nil {
		return o.former.decide
	}
	return o.dp.gen.decide()
}

// registered is a service as its maps hold it.
func (o *oracle) registered(s *subject) *registered {
	if o.former != nil {
		return o.former.services[s.name]
	}
	return o.dp.gen.image.registry.services[s.name]
}

// flowMapOf names the map of the records of services that are tracked so.
func flowMapOf(t Tracking) string {
	if t == TrackAlways {
		return "flows_lru"
	}
	return "flows"
}

func (o *oracle) flowMap(s *subject) *ebpf.Map {
	name := flowMapOf(s.config.Tracking)
	if o.former != nil {
		return o.former.flows[name]
	}
	return o.dp.gen.maps(name)
}

// room is for how many more flows of a service there is a record.
func (o *oracle) room(s *subject) int {
	if s.config.Tracking == TrackAlways {
		return 1 // that of the one needed least; these histories fill no set
	}
	room := o.limits.Flows
	for _, other := range o.subjects {
		if other.config.Tracking == TrackChanged {
			room -= len(other.records)
		}
	}
	return room
}

// send has a packet of a flow arrive, and compares what becomes of it.
func (o *oracle) send(c *conn, x shot) {
	if o.wrong != "" {
		return
	}
	s, f := c.subject, c.flow
	if s.config.Affinity == AffinitySource {
		f.sport, f.dport = uint16(1+o.rng.IntN(1<<16-1)), s.config.Ports[0]
	}
	frame, packet := shotFrame(s.config, f, x, o.state.L3[0].MAC), x.packet(s.config)
	var noted *pipelineTrace
	if o.explains && o.former == nil && !o.changing && o.rng.IntN(8) == 0 {
		trace, err := traced(o.dp, o.state.Ports[0].Ifindex, frame)
		if err != nil {
			o.violate(c, "explaining: %v", err)
		}
		noted = &trace
	}
	want := s.expect(c.flow, packet, o.clock, o.room(s))
	to := o.run(c, frame)
	o.logf(c, "%s flow %v: %s to %v, choice %d", s.name, c.flow, x.name, to, want.choice)
	o.choices[want.choice]++
	if to.name() != want.backend {
		o.violate(c, "service %s, flow %v, %s: sent to %v, the rules say %v, choice %d", s.name, c.flow, x.name, to, want.backend, want.choice)
	}
	// The twin records nothing, so it finds room; and a slot of nobody's is settled.
	if noted != nil && noted.Choice != uint32(want.choice) && want.choice != tracking.ChoiceFull && s.table != nil {
		o.violate(c, "service %s, flow %v, %s: explained with choice %d, the rules say %d", s.name, c.flow, x.name, noted.Choice, want.choice)
	}
	o.compareRecord(c)
	home := c.home
	if wrong := o.check(c, arrival{packet: packet, to: to, expected: want, now: o.moment()}); wrong != "" {
		o.violate(c, "%s: service %s, flow %v, %s, from %s to %v", wrong, s.name, c.flow, x.name, home, to)
	}
}

// run has the live program decide about a frame.
func (o *oracle) run(c *conn, frame []byte) (to *server) {
	context := xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: uint32(o.state.Ports[0].Ifindex)}
	action, out, err := testRun(o.decide(), frame, &context)
	s, counted := c.subject, Counter{1, uint64(len(frame))}
	switch {
	case err != nil:
		o.violate(c, "test run: %v", err)
	case actionName(action) == "redirect":
		if to, err = o.reached(s.config, out); err != nil {
			o.violate(c, "service %s: %v", s.name, err)
			return to
		}
		to.sent.add(counted)
	case actionName(action) == "drop":
		s.dropped.add(counted)
	default:
		o.violate(c, "service %s: verdict %s", s.name, actionName(action))
	}
	return to
}

// compareRecord compares the record of a flow with what the rules say.
func (o *oracle) compareRecord(c *conn) {
	s, r := c.subject, o.registered(c.subject)
	got, found, err := findFlow(o.flowMap(s), c.flow.wire(r.record.Id, s.config.Affinity))
	want, any := s.records[c.flow]
	switch {
	case err != nil:
		o.violate(c, "reading a record: %v", err)
		return
	case !found:
		if any {
			o.violate(c, "service %s, flow %v: it has no record, the rules say %+v", s.name, c.flow, want)
		}
		return
	}
	to := r.named(got.Backend)
	if !any || to != s.names[want.Backend] || got.Seen != want.Seen || (got.Flags&flowConfirmed != 0) != want.Confirmed {
		o.violate(c, "service %s, flow %v: recorded with %v, %+v; the rules say %v, %+v, %t", s.name, c.flow, to, got, s.names[want.Backend], want, any)
	}
}

// compareTables compares all slots, and how many records there are.
func (o *oracle) compareTables() {
	tables := readSlots(o.t, o.dp)
	for _, s := range o.subjects {
		r := o.registered(s)
		var want []tracking.Slot
		if s.table != nil {
			want = s.table.Slots()
		}
		if len(want) != len(tables[s.name]) {
			o.violate(nil, "service %s has %d slots, the rules say %d", s.name, len(tables[s.name]), len(want))
			return
		}
		for i, got := range tables[s.name] {
			w := want[i]
			if r.named(got.Cur()) != s.names[w.Cur()] || r.named(got.Base()) != s.names[w.Base()] || got.Lookup() != w.Lookup() || got.Record() != w.Record() {
				o.violate(nil, "service %s, slot %d: cur %v, base %v, lookup %t, record %t; the rules say %v, %v, %t, %t", s.name, i,
					r.named(got.Cur()), r.named(got.Base()), got.Lookup(), got.Record(), s.names[w.Cur()], s.names[w.Base()], w.Lookup(), w.Record())
			}
		}
	}
	o.compareCounts()
}

// named is the address of a backend by its local index, the zero value if it has none.
func (r *registered) named(i uint16) (a netip.Addr) {
	if int(i) < len(r.members) {
		a = r.members[i].address
	}
	return a
}

func (o *oracle) compareCounts() {
	want := map[string]int{}
	for _, s := range o.subjects {
		want[flowMapOf(s.config.Tracking)] += len(s.records)
	}
	for _, name := range flowMaps {
		if got := len(o.flows(name)); got != want[name] {
			o.violate(nil, "%d records in %s, the rules say %d", got, name, want[name])
		}
	}
}

// compareAccounts compares what services and backends counted.
func (o *oracle) compareAccounts() {
	for _, s := range o.subjects {
		got := o.service(s.name)
		if got.Recorded != s.recorded || got.TrackFull != s.full || got.Dropped != s.dropped {
			o.violate(nil, "service %s counted %d recorded, %d full, %v dropped; it was %d, %d, %v", s.name, got.Recorded, got.TrackFull, got.Dropped,
				s.recorded, s.full, s.dropped)
		}
		for _, b := range got.Backends {
			for _, v := range s.servers {
				if v.address == b.Address && !v.left && b.Sent != v.sent {
					o.violate(nil, "service %s: backend %v was sent %v, it counted %v", s.name, v, v.sent, b.Sent)
				}
			}
		}
	}
}
