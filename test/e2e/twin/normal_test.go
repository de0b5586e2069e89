// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"cmp"
	"encoding/binary"
	"slices"

	"clearway/dataplane"
)

// emission is a frame that came out of a router, in a form in which equal is
// what must be equal.
type emission struct {
	where string // the port, or the multipath route
	frame string // its bytes
}

// normal returns the normal form of what came out of a router; false for what
// no frame has caused. It takes off what invariant 4 excepts: bytes after the
// IP packet, PCP and DEI, the choice among next hops; and what Linux makes up
// where it speaks itself: identifications, IPv6 flow label, time of day.
func (s *scenario) normal(f frame) (emission, bool) {
	p := parse(f.bytes)
	if p.to() == listenersReport {
		return emission{}, false
	}
	b := slices.Clone(f.bytes[:p.end])
	for i := range p.tags {
		b[14+4*i] &= 0x0f
	}
	if sender := p.question(b); sender != nil {
		// Whose address is asked with depends on the packet that came first.
		clear(sender)
		if p.ip != 0 {
			clear(b[p.upper+2 : p.upper+4])
		}
	}
	where := cmp.Or(s.masters[f.port], f.port)
	if p.ip == 0 {
		return emission{where, string(b)}, true
	}
	if s.isLocal(p.src) { // also forwarded ones, where the device has no IPv6
		s.ownWords(p, b)
	}
	if m := s.multipathOf(p.dst); m != nil && m.hops[place{f.port, p.vid(), p.to()}] {
		anybody := slices.Concat(make([]byte, 12), b[p.ip-2:]) // no MACs, no tag
		return emission{"multipath " + m.to.String(), string(anybody)}, true
	}
	return emission{where, string(b)}, true
}

// listenersReport is where routers report multicast groups to (RFC 3810), when
// it pleases them.
var listenersReport = dataplane.MAC{0x33, 0x33, 0, 0, 0, 0x16}

const ip6Fragment = 44

// ownWords takes out of a packet of Linux' own what is random in it.
func (s *scenario) ownWords(p packet, b []byte) {
	ip := b[p.ip:]
	if p.version == 6 {
		ip[1] &= 0xf0
		ip[2], ip[3] = 0, 0
		if p.protocol == ip6Fragment {
			clear(ip[44:48])
		}
		return
	}
	ip[4], ip[5], ip[10], ip[11] = 0, 0, 0, 0
	if _, kind := p.icmp(); kind == icmpTimestampReply {
		clear(b[p.upper+2 : p.end])
	}
}

// numberOf reads the mark of the frame that made the router emit another: of
// the packet it tells of, or the packet itself. -1 where there is none.
func (s *scenario) numberOf(frame []byte) int {
	p := parse(frame)
	if p.ip == 0 {
		return -1
	}
	ip := p.frame[p.ip:]
	// A packet that is forwarded may have the router's own source, and only looks like a quote.
	if q := p.quoted(); len(q) > 0 && s.isLocal(p.src) && int(q[0]>>4) == int(p.version) {
		ip = q
	}
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(ip[4:]))
	case len(ip) >= 40:
		return int(binary.BigEndian.Uint16(ip[2:]))
	}
	return -1
}
