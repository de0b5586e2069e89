// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"encoding/binary"
	"net/netip"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// packet is where the parts of a frame are. Frames that came out of a router
// have whole headers.
type packet struct {
	frame    []byte
	tags     int // how many
	ip       int // where the IP packet is, 0 = none
	end      int // of the IP packet, or of the frame
	version  int
	src, dst netip.Addr
	protocol uint8
	upper    int // where the header above IP is
}

func parse(frame []byte) packet {
	p := packet{frame: frame, end: len(frame)}
	if len(frame) < 14 {
		return p
	}
	at, kind := 14, binary.BigEndian.Uint16(frame[12:])
	for isTag(kind) && len(frame) >= at+4 {
		p.tags++
		at, kind = at+4, binary.BigEndian.Uint16(frame[at+2:])
	}
	switch rest := frame[at:]; {
	case kind == testkit.EtherTypeIPv4 && len(rest) >= 20:
		p.ip, p.version, p.protocol, p.upper = at, 4, rest[9], at+int(rest[0]&15)*4
		p.src, p.dst = netip.AddrFrom4([4]byte(rest[12:])), netip.AddrFrom4([4]byte(rest[16:]))
		p.cut(int(binary.BigEndian.Uint16(rest[2:])))
	case kind == testkit.EtherTypeIPv6 && len(rest) >= 40:
		p.ip, p.version, p.protocol, p.upper = at, 6, rest[6], at+40
		p.src, p.dst = netip.AddrFrom16([16]byte(rest[8:])), netip.AddrFrom16([16]byte(rest[24:]))
		p.cut(40 + int(binary.BigEndian.Uint16(rest[4:])))
	}
	return p
}

func isTag(etherType uint16) bool {
	return etherType == testkit.EtherType8021Q || etherType == testkit.EtherType8021AD
}

func (p *packet) cut(length int) {
	if length > 0 && p.ip+length < len(p.frame) {
		p.end = p.ip + length
	}
}

func (p packet) to() dataplane.MAC { return dataplane.MAC(p.frame[:6]) }

// vid is the VLAN ID of the outer tag.
func (p packet) vid() uint16 {
	if p.tags == 0 {
		return 0
	}
	return binary.BigEndian.Uint16(p.frame[14:]) & 0xfff
}

// priority is PCP and DEI of the outer tag.
func (p packet) priority() byte { return p.frame[14] >> 4 }

// icmp returns the ICMP message of either version with its type, nil if there
// is none.
func (p packet) icmp() (message []byte, kind uint8) {
	is := p.version == 4 && p.protocol == testkit.ProtoICMP || p.version == 6 && p.protocol == testkit.ProtoICMPv6
	if !is || p.end < p.upper+8 {
		return nil, 0
	}
	return p.frame[p.upper:p.end], p.frame[p.upper]
}

// ICMP types and codes.
const (
	icmpUnreachable    = 3
	netUnreachable     = 0
	hostUnreachable    = 1
	filtered           = 13
	icmpRedirect       = 5
	icmpTimestampReply = 14
	icmp6Solicitation  = 135
	icmp6Redirect      = 137
	icmp6Informational = 128 // and above
)

// isLimited: Linux sends such messages only so often to one host, whatever the
// sysctls say: redirects (ip_rt_send_redirect, ip6_forward) and what an
// unreachable IPv4 route or none gives (ip_error).
func (p packet) isLimited() bool {
	message, kind := p.icmp()
	switch {
	case message == nil:
		return false
	case p.version == 6:
		return kind == icmp6Redirect
	case kind == icmpUnreachable:
		code := message[1]
		return code == netUnreachable || code == hostUnreachable || code == filtered
	}
	return kind == icmpRedirect
}

// question returns where the sender's address of an ARP request is, or of a
// neighbour solicitation; nil of another.
func (p packet) question(frame []byte) []byte {
	message, kind := p.icmp()
	arp := 14 + 4*p.tags
	switch {
	case len(frame) >= arp+28 && binary.BigEndian.Uint16(frame[arp-2:]) == testkit.EtherTypeARP:
		return frame[arp+14 : arp+18]
	case message != nil && p.version == 6 && kind == icmp6Solicitation:
		return frame[p.ip+8 : p.ip+24]
	}
	return nil
}

// quoted returns the IP packet that an ICMP error or redirect tells of.
func (p packet) quoted() []byte {
	message, kind := p.icmp()
	switch {
	case message == nil:
	case p.version == 4 && (kind == 3 || kind == 4 || kind == 5 || kind == 11 || kind == 12),
		p.version == 6 && kind < icmp6Informational:
		return message[8:]
	case p.version == 6 && kind == icmp6Redirect:
		return redirectedHeader(message)
	}
	return nil
}

// redirectedHeader finds option 4 of an ICMPv6 redirect (RFC 4861, section 4.5).
func redirectedHeader(message []byte) []byte {
	for at := 40; at+8 <= len(message) && message[at+1] != 0; at += int(message[at+1]) * 8 {
		if message[at] == 4 {
			return message[at+8:]
		}
	}
	return nil
}

// The number of a frame is in a field that routers leave alone: the
// identification of IPv4, the flow label of IPv6: 16 bits.

// number marks a frame. A header checksum that was right stays so.
func number(frame []byte, n int) {
	p := parse(frame)
	switch b := frame[p.ip:]; {
	case p.ip == 0:
	case p.version == 4:
		right := int(b[0]&15) == 5 && testkit.Checksum(b[:20]) == 0
		binary.BigEndian.PutUint16(b[4:], uint16(n))
		if right {
			fixChecksum(b)
		}
	default:
		b[1] &= 0xf0
		binary.BigEndian.PutUint16(b[2:], uint16(n))
	}
}

func fixChecksum(ip []byte) {
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], testkit.Checksum(ip[:20]))
}
