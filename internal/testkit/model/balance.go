// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"

	"clearway/dataplane"
	"clearway/maglev"
)

// balance is the lane of packets to a service, from which none comes back. The
// services of the state are new: none of their slots moves, and no flow of theirs
// has a record that says anything else. Tests of tracking see to the rest.
func (m *Model) balance(p *packet) (r Result, served bool) {
	f, ok := p.flow()
	if !ok {
		return r, false
	}
	s, ambiguous := m.service(p.dst, f)
	switch {
	case ambiguous:
		return Result{Verdict: "drop", Reason: "drop_fragment"}, true
	case s == nil:
		return r, false
	}
	r = m.serve(p, f, s)
	r.Service = s.Name
	if r.Verdict == "" {
		r.Verdict = "drop"
	}
	return r, true
}

func (m *Model) serve(p *packet, f flow, s *dataplane.Service) Result {
	hash := flowHash(f, m.State.Balance.Seed, s.Affinity)
	b := m.backend(s, hash)
	switch {
	case f.fragment && s.Affinity != dataplane.AffinitySource:
		return Result{Reason: "drop_fragment"}
	case f.extra:
		return Result{Reason: "drop_header"}
	case s.Mode == dataplane.L2 && p.ttl <= 1:
		return Result{Reason: "drop_ttl"}
	case b == nil:
		return Result{Reason: "drop_no_backend"}
	}
	w, ok := m.way(p, b)
	if !ok {
		return Result{Reason: "drop_no_neighbour"}
	}
	if room := w.mtu - overhead(s, b); p.length > room {
		return m.tooBig(p, f, room)
	}
	if !w.takes(p) {
		return Result{Reason: "drop_emit"}
	}
	if m.NoFinalize {
		return Result{Reason: "drop_no_finalize"}
	}
	out := m.deliver(p, f, s, b, w, hash)
	if out == nil {
		return Result{Reason: "drop_emit"}
	}
	r := Result{Verdict: "redirect", Reason: "balance", Out: out, Backend: b.Address, Egress: w.egress.Ifindex, Device: w.egress.Port}
	if w.back {
		r.Verdict = "tx"
	}
	return r
}

// flowHash is flow_hash of bpf/choose.h, over words as they lie in memory.
func flowHash(f flow, seed uint64, affinity dataplane.Affinity) uint32 {
	const factor = 0x9fb21c651e98df25
	var ports uint64
	if affinity != dataplane.AffinitySource {
		wire := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, f.ports[0]), f.ports[1])
		ports = uint64(binary.NativeEndian.Uint32(wire))
	}
	source, x := f.source.AsSlice(), seed
	if f.source.Is4() {
		x ^= uint64(binary.NativeEndian.Uint32(source))<<32 | ports
	} else {
		for half := range 2 {
			words := source[8*half:]
			x ^= uint64(binary.NativeEndian.Uint32(words[4:]))<<32 | uint64(binary.NativeEndian.Uint32(words))
			x *= factor
			x ^= x >> 32
		}
		x ^= ports
	}
	x ^= x >> 32
	x *= factor
	x ^= x >> 29
	x *= factor
	return uint32((x ^ x>>32) >> 32)
}

// backend is the owner of the flow's slot in the table of those that accept.
func (m *Model) backend(s *dataplane.Service, hash uint32) *dataplane.Backend {
	var accepting []*dataplane.Backend
	var named []maglev.Backend
	for i := range s.Backends {
		if b := &s.Backends[i]; b.Accept && b.Weight > 0 {
			accepting = append(accepting, b)
			named = append(named, maglev.Backend{Name: b.Address.String(), Weight: uint32(b.Weight)})
		}
	}
	if len(accepting) == 0 {
		return nil
	}
	table, err := maglev.Build(s.TableSize, m.State.Balance.Seed, named)
	if err != nil {
		panic(err) // states are valid
	}
	return accepting[table[uint64(hash)*uint64(len(table))>>32]]
}

// way is how a backend is reached.
type way struct {
	egress *dataplane.L3Interface
	hop    Answer
	mtu    int
	back   bool // out by the device that the packet came in by
}

// way is the next hop of the state where that is resolved, else what the FIB says
// to a packet that arrives.
func (m *Model) way(p *packet, b *dataplane.Backend) (w way, ok bool) {
	next := m.State.NextHops[b.Address]
	if w.egress = m.l3(next.Egress); w.egress != nil && next.MAC != (dataplane.MAC{}) {
		w.hop = Answer{SMAC: w.egress.MAC, DMAC: next.MAC}
		w.mtu = w.egress.MTU
		if next.MTU > 0 {
			w.mtu = min(w.mtu, next.MTU)
		}
		w.back = w.egress.Port == p.port.Ifindex
		return w, true
	}
	source := m.State.Balance.Source4
	if b.Address.Is6() {
		source = m.State.Balance.Source6
	}
	w.hop = m.FIB(Query{Ifindex: p.ingress.Ifindex, Src: source.Masked().Addr(), Dst: b.Address})
	w.egress = m.l3(w.hop.Egress)
	if w.hop.Code != Success || w.egress == nil {
		return w, false
	}
	w.mtu, w.back = w.egress.MTU, w.hop.Egress == p.ingress.Ifindex
	return w, true
}

// takes: back out it only needs to be up.
func (w way) takes(p *packet) bool {
	if w.back {
		return w.egress.Up
	}
	p.egress = w.egress
	return redirectable(p)
}
