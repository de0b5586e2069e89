// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"maps"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"

	"clearway/tracking"
)

// registry is the balance lane as its maps hold it: the services under their
// numbers. It is a value: a change makes another one, which shares what stays.
type registry struct {
	services map[string]*registered // by name
	retired  map[uint32]bool        // ids of services gone, which flow records may still name

	numbers   numbering[pipelineService] // from 1
	addresses numbering[pipelineAddress] // from 1
	prefixes  map[netip.Prefix]uint32    // of service addresses: their index in addresses
	ports     map[pipelineServicePortKey]uint32

	fresh fresh
}

// fresh are numbers that nobody had in the registry before: what is counted under
// them begins at nothing.
type fresh struct{ ids, counters []uint32 }

// registered is a service with its numbers and the history of its slots. It is
// not changed once it is part of a registry.
type registered struct {
	Service // as configured
	number  uint32
	record  pipelineService // size, seed and affinity are those in use
	note    pipelineServiceNote

	members []member // by local index; 0 is nobody
	places  []uint16 // local indices of Service.Backends

	table   *tracking.Table // nil: nobody has ever accepted
	tableID ebpf.MapID      // of its inner map
	due     time.Duration   // when slots settle or a resize ends; 0: never
	// recording tells since when all flows are being recorded, so that another
	// size, seed or affinity can come; 0: they aren't.
	recording time.Duration
	adopted   bool // read back, and not brought up to date yet
}

// member is a backend of a service under its local index. The zero value is an
// index that is free.
type member struct {
	address netip.Addr
	record  pipelineBackend
	removed bool // not configured any more, but something may still refer to it
}

// stateRemoved is backend.state of members that are not configured any more.
const stateRemoved = 0xff

func (m member) free() bool { return m == member{} }

func (m member) is(bit pipelineBackendBit) bool { return m.record.Flags&uint16(bit) != 0 }

// room is what the members take, from local index 1.
func (r *registered) room() uint32 { return uint32(max(len(r.members), 1) - 1) }

func (r *registered) is(bit pipelineServiceBit) bool { return r.record.Flags&uint32(bit) != 0 }

// backends are the flags of the members, as package tracking knows them.
func (r *registered) backends() tracking.Backends {
	flags := make(tracking.Backends, len(r.members))
	for i, m := range r.members {
		if m.is(pipelineBackendBitBACKEND_ALIVE) {
			flags[i] |= tracking.Alive
		}
		if m.is(pipelineBackendBitBACKEND_ACCEPT) {
			flags[i] |= tracking.Accept
		}
	}
	return flags
}

// accepting lists the local indices of those that take new flows.
func (r *registered) accepting() (indices []uint16) {
	for _, i := range r.places {
		if r.members[i].is(pipelineBackendBitBACKEND_ACCEPT) {
			indices = append(indices, i)
		}
	}
	return indices
}

// slots are those of the table, none if there is none.
func (r *registered) slots() []tracking.Slot {
	if r == nil || r.table == nil {
		return nil
	}
	return r.table.Slots()
}

// byID finds services by the number that flow records name.
func (g *registry) byID() map[uint32]*registered {
	all := make(map[uint32]*registered, len(g.services))
	for _, r := range g.services {
		all[r.record.Id] = r
	}
	return all
}

// unplaced is the registry for maps that hold nothing of it yet: what is kept in
// maps that generations share stays under its numbers, all else gets new ones.
func (g *registry) unplaced() registry {
	next := registry{services: make(map[string]*registered, len(g.services)), retired: g.retired}
	for name, r := range g.services {
		r := *r
		r.number, r.tableID, r.record.First, r.note = 0, 0, 0, pipelineServiceNote{}
		r.adopted = true
		next.services[name] = &r
	}
	return next
}

// with is the registry with some services in the place of those of their names.
func (g *registry) with(changed map[string]*registered) registry {
	next := *g
	next.fresh = fresh{}
	next.services = maps.Clone(g.services)
	maps.Copy(next.services, changed)
	return next
}

// highest are the largest numbers that generations share.
func (g *registry) highest() (id, counter uint32) {
	for n := range g.ids {
		id = max(id, n)
	}
	for n := range g.counters {
		counter = max(counter, n)
	}
	return id, counter
}
