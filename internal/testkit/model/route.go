// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"net/netip"

	"clearway/dataplane"
)

// Query is what the FIB helper is asked: the fields of struct bpf_fib_lookup,
// in host byte order. The flags are 0.
type Query struct {
	Ifindex          int // L3 interface of the ingress
	Src, Dst         netip.Addr
	TOS              uint8  // IPv4: the whole byte
	FlowInfo         uint32 // IPv6: traffic class and flow label
	Protocol         uint8
	SrcPort, DstPort uint16
	Length           int // of the IP packet; 0 in a reverse look-up, which no MTU ends
}

// Answer is what the helper gives. All but Code is meant to be read only for
// [Success], and Egress also for [NoNeighbour].
type Answer struct {
	Code       Code
	Egress     int // L3 ifindex
	SMAC, DMAC dataplane.MAC
}

// Code is what the helper returns: an enumerator of enum BPF_FIB_LKUP_RET_ in
// linux/bpf.h, or an errno below 0.
type Code int

// The helper's codes.
const (
	Success Code = iota
	Blackhole
	Unreachable
	Prohibit
	NotForwarded // no route, or one that is not unicast
	ForwardingDisabled
	UnsupportedEncap
	NoNeighbour
	FragNeeded

	NoDevice Code = -19 // ENODEV
)

// route asks where the packet goes, and whether it can leave there.
func (m *Model) route(p *packet) string {
	if !m.reversePath(p) {
		return "pass_rpf"
	}
	if p.ipv6 && !p.ingress.Forward6 || !p.ipv6 && !p.ingress.Forward4 {
		return "pass_not_forwarding"
	}
	p.hop = m.FIB(p.query())
	switch {
	case p.hop.Code == Blackhole && m.State.Options.DryRun:
		return "dry_run" // Linux drops it
	case p.hop.Code != Success:
		return failure(p.hop.Code)
	}
	if p.hop.Egress == p.ingress.Ifindex && !m.State.Options.Hairpin {
		return "pass_hairpin"
	}
	p.egress = m.l3(p.hop.Egress)
	switch {
	case p.egress == nil:
		return "pass_not_redirectable"
	case p.length > p.egress.MTU:
		return "pass_mtu"
	case !redirectable(p):
		return "pass_not_redirectable"
	case m.State.Options.DryRun:
		return "dry_run"
	}
	return ""
}

func failure(code Code) string {
	switch code {
	case Blackhole:
		return "drop_blackhole"
	case Unreachable, Prohibit:
		return "pass_unreachable"
	case NotForwarded:
		return "pass_no_route"
	case ForwardingDisabled:
		return "pass_not_forwarding"
	case UnsupportedEncap:
		return "pass_exception"
	case NoNeighbour:
		return "pass_no_neighbour"
	case FragNeeded:
		return "pass_mtu"
	}
	return "pass_fib_error"
}

func (p *packet) query() Query {
	q := Query{
		Ifindex: p.ingress.Ifindex,
		Src:     p.src, Dst: p.dst,
		Protocol: p.protocol,
		SrcPort:  p.ports[0], DstPort: p.ports[1],
		Length: p.length,
	}
	if p.ipv6 {
		q.FlowInfo = binary.BigEndian.Uint32(p.frame[p.at:]) & 0x0fffffff
	} else {
		q.TOS = p.frame[p.at+1]
	}
	return q
}

// reversePath makes the rp_filter check of the ingress interface: there is a
// unicast route to the source, and in strict mode it leads back there. It
// needs no neighbour.
func (m *Model) reversePath(p *packet) bool {
	if p.ipv6 || p.ingress.RPFilter == dataplane.RPFilterOff {
		return true
	}
	q := p.query()
	q.Src, q.Dst = q.Dst, q.Src
	q.SrcPort, q.DstPort = q.DstPort, q.SrcPort
	q.Length = 0
	back := m.FIB(q)
	if back.Code != Success && back.Code != NoNeighbour {
		return false
	}
	return p.ingress.RPFilter == dataplane.RPFilterLoose || back.Egress == p.ingress.Ifindex
}

// redirectable: the egress device can take the frame now. It must be up, and
// have a transmit feature for frames from native ports and another for frames
// of several buffers. The latter hold for generic ports too: nobody puts such a
// frame into one buffer for a device that can't send it.
func redirectable(p *packet) bool {
	switch {
	case !p.egress.Up:
		return false
	case p.linear < len(p.frame) && !p.egress.RedirectFrags:
		return false
	}
	return p.port.Mode == dataplane.Generic || p.egress.RedirectNative
}

func (m *Model) l3(ifindex int) *dataplane.L3Interface {
	for i := range m.State.L3 {
		if m.State.L3[i].Ifindex == ifindex {
			return &m.State.L3[i]
		}
	}
	return nil
}
