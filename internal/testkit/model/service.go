// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// flow is what tells the flow of a packet, as its sender sees it, and what of the
// packet bears on what services do with it.
type flow struct {
	protocol uint8
	source   netip.Addr
	ports    [2]uint16
	fragment bool
	later    bool // a fragment, but not the first: it has no ports
	extra    bool // IPv4 options, IPv6 extension headers
	quoted   bool // an ICMP error about the flow
}

func balanced(protocol uint8) bool {
	return protocol == testkit.ProtoTCP || protocol == testkit.ProtoUDP
}

// flow finds the flow of a packet that a service could be for.
func (p *packet) flow() (f flow, ok bool) {
	f = flow{protocol: p.protocol, source: p.src, ports: p.ports}
	plain := p.ipv6 || p.frame[p.at] == 0x45 && !p.fragment()
	switch {
	case plain && balanced(p.protocol):
		return f, p.length >= p.headerLength()+4
	case plain && p.protocol == p.icmp():
		return p.quotedFlow()
	}
	at := 0
	if p.ipv6 {
		at = f.skipExtensions(p)
	} else {
		at = f.skipOptions(p)
	}
	switch {
	case !balanced(f.protocol):
		return f, false
	case f.later:
		f.ports = [2]uint16{}
		return f, true
	case p.at+at+4 > p.linear || at+4 > p.length:
		return f, false
	}
	f.ports = [2]uint16{p.word(p.at + at), p.word(p.at + at + 2)}
	return f, true
}

func (p *packet) icmp() uint8 {
	if p.ipv6 {
		return testkit.ProtoICMPv6
	}
	return testkit.ProtoICMP
}

// skipOptions returns where, from the IP header on, the next one begins.
func (f *flow) skipOptions(p *packet) int {
	words := int(p.frame[p.at] & 15)
	offset := p.word(p.at + 6)
	f.extra, f.fragment, f.later = words > 5, offset&0x3fff != 0, offset&0x1fff != 0
	return words * 4
}

// skipExtensions is that of IPv6, over at most four headers (docs/limits.md); no
// other header is looked for behind a later fragment's.
func (f *flow) skipExtensions(p *packet) int {
	at := 40
	for range 4 {
		if p.at+at+8 > p.linear {
			break
		}
		h := p.frame[p.at+at:]
		switch f.protocol {
		case 44:
			f.fragment, f.later = true, binary.BigEndian.Uint16(h[2:])&0xfff8 != 0
			at += 8
		case 0, 43, 60:
			f.extra = true
			at += 8 + int(h[1])*8
		case 51: // RFC 4302, section 2.2
			f.extra = true
			at += 8 + int(h[1])*4
		default:
			return at
		}
		if f.protocol = h[0]; f.later {
			break
		}
	}
	return at
}

// quotedFlow is that of an ICMP error about a packet of the service's: its sender
// is the quoted packet's receiver.
func (p *packet) quotedFlow() (f flow, ok bool) {
	at := p.at + p.headerLength() // of the ICMP header
	inner := at + 8
	ports := inner + p.headerLength()
	if ports+4 > p.linear || ports+4 > p.at+p.length {
		return f, false
	}
	q := p.frame[inner:]
	f.quoted = true
	var sender netip.Addr
	if p.ipv6 {
		ok = p.frame[at] >= 1 && p.frame[at] <= 4
		f.protocol = q[6]
		sender, f.source = netip.AddrFrom16([16]byte(q[8:24])), netip.AddrFrom16([16]byte(q[24:40]))
	} else {
		ok = slices.Contains([]byte{3, 11, 12}, p.frame[at]) && q[0] == 0x45 && binary.BigEndian.Uint16(q[6:])&0x1fff == 0
		f.protocol = q[9]
		sender, f.source = netip.AddrFrom4([4]byte(q[12:16])), netip.AddrFrom4([4]byte(q[16:20]))
	}
	f.ports = [2]uint16{p.word(ports + 2), p.word(ports)}
	return f, ok && sender == p.dst && balanced(f.protocol)
}

// service finds whose packets of a flow to an address are: that of the port, else
// that of any port. Without a port it must be the only one of the protocol.
func (m *Model) service(to netip.Addr, f flow) (s *dataplane.Service, ambiguous bool) {
	var all []*dataplane.Service
	for i := range m.State.Services {
		if one := &m.State.Services[i]; one.Address == to && uint8(one.Protocol) == f.protocol {
			all = append(all, one)
		}
	}
	if f.later {
		if len(all) == 1 {
			return all[0], false
		}
		return nil, len(all) > 1
	}
	for _, one := range all {
		if slices.Contains(one.Ports, f.ports[1]) {
			return one, false
		}
	}
	for _, one := range all {
		if len(one.Ports) == 0 {
			return one, false
		}
	}
	return nil, false
}
