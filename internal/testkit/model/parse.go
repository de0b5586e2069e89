// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"net/netip"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// packet is what the stages learn of a frame.
type packet struct {
	frame  []byte
	linear int
	port   *dataplane.Port // nil: not one of ours

	tagged   bool
	tci      uint16 // of the tag, 0 without
	at       int    // where the IP header begins
	ipv6     bool
	src, dst netip.Addr
	protocol uint8 // IPv6: next header
	ttl      uint8
	ports    [2]uint16 // 0 if the protocol has none
	length   int       // of the IP packet as its header says

	ingress, egress *dataplane.L3Interface
	hop             Answer
}

func (p *packet) vid() uint16 { return p.tci & 0x0fff }

// headerLength is that of the IP header without options, the only kind that
// comes as far as admit's end.
func (p *packet) headerLength() int {
	if p.ipv6 {
		return 40
	}
	return 20
}

// need reports why the first n bytes of the frame can't be read.
func (p *packet) need(n int) string {
	switch {
	case n > len(p.frame):
		return "pass_truncated"
	case n > p.linear:
		return "pass_header_split"
	}
	return ""
}

func (p *packet) word(at int) uint16 { return binary.BigEndian.Uint16(p.frame[at:]) }

// parse finds the headers, from the outside in: a missing one ends it before
// what lies behind is looked at.
func (m *Model) parse(p *packet) string {
	if reason := p.need(14); reason != "" {
		return reason
	}
	etherType := p.word(12)
	p.at = 14
	if etherType == testkit.EtherType8021Q {
		if reason := p.need(18); reason != "" {
			return reason
		}
		p.tagged, p.tci, p.at = true, p.word(14), 18
		etherType = p.word(16)
		if etherType == testkit.EtherType8021Q {
			return "pass_vlan"
		}
	}
	switch etherType {
	case testkit.EtherType8021AD:
		return "pass_vlan"
	case testkit.EtherTypeIPv4:
		return m.parseIPv4(p)
	case testkit.EtherTypeIPv6:
		return m.parseIPv6(p)
	}
	return "pass_not_ip"
}

func (m *Model) parseIPv4(p *packet) string {
	if reason := p.need(p.at + 20); reason != "" {
		return reason
	}
	h := p.frame[p.at:]
	p.length = int(p.word(p.at + 2))
	p.ttl, p.protocol = h[8], h[9]
	p.src, p.dst = netip.AddrFrom4([4]byte(h[12:16])), netip.AddrFrom4([4]byte(h[16:20]))
	if h[0] != 0x45 || p.fragment() {
		return "" // no rule reads further
	}
	return m.parseTransport(p)
}

func (m *Model) parseIPv6(p *packet) string {
	if reason := p.need(p.at + 40); reason != "" {
		return reason
	}
	h := p.frame[p.at:]
	p.ipv6 = true
	p.length = 40 + int(p.word(p.at+4))
	p.protocol, p.ttl = h[6], h[7]
	p.src, p.dst = netip.AddrFrom16([16]byte(h[8:24])), netip.AddrFrom16([16]byte(h[24:40]))
	return m.parseTransport(p)
}

// parseTransport reads what rules read of the header behind an IP header
// without options: the ICMPv6 type (one byte); or the ports of TCP, UDP,
// UDP-Lite, SCTP and DCCP (four bytes, the rest need not be there). Here these
// bytes must be in the frame; admit asks that they are inside the IP packet.
func (m *Model) parseTransport(p *packet) string {
	at, n := p.at+p.headerLength(), p.transportRead()
	if n == 0 {
		return ""
	}
	if reason := p.need(at + n); reason != "" {
		return reason
	}
	if n < 4 {
		return ""
	}
	p.ports = [2]uint16{p.word(at), p.word(at + 2)}
	return ""
}

// transportRead is how many bytes rules read of the header above IP.
func (p *packet) transportRead() int {
	switch p.protocol {
	case testkit.ProtoTCP, testkit.ProtoUDP, testkit.ProtoUDPLite, testkit.ProtoSCTP, testkit.ProtoDCCP:
		return 4
	case testkit.ProtoICMPv6:
		if p.ipv6 {
			return 1
		}
	}
	return 0
}

// fragment: more fragments, or an offset. IPv6 has a header for it.
func (p *packet) fragment() bool {
	if p.ipv6 {
		return p.protocol == 44
	}
	return p.word(p.at+6)&0x3fff != 0
}
