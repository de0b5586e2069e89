// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// icmpProtocol is what differs between ICMP (RFC 792) and ICMPv6 (RFC 4443).
type icmpProtocol struct {
	domain, number int
	level, ttl     int // socket option
	request, reply uint8
	errors         []uint8 // types that quote the packet they are about
}

var icmp4 = icmpProtocol{
	domain: unix.AF_INET, number: unix.IPPROTO_ICMP, level: unix.IPPROTO_IP, ttl: unix.IP_TTL,
	request: 8, reply: 0,
	errors: []uint8{3, 11, 12}, // unreachable, time exceeded, parameter problem
}

var icmp6 = icmpProtocol{
	domain: unix.AF_INET6, number: unix.IPPROTO_ICMPV6, level: unix.IPPROTO_IPV6, ttl: unix.IPV6_UNICAST_HOPS,
	request: 128, reply: 129,
	errors: []uint8{1, 2, 3, 4}, // unreachable, too big, time exceeded, parameter problem
}

func protocolOf(a netip.Addr) icmpProtocol {
	if a.Is4() {
		return icmp4
	}
	return icmp6
}

const icmpHeader = 8 // bytes

// message returns the request as a raw socket takes it.
func (p icmpProtocol) message(e Echo) []byte {
	m := make([]byte, icmpHeader+e.Size)
	m[0] = p.request
	binary.BigEndian.PutUint16(m[4:], e.ID)
	binary.BigEndian.PutUint16(m[6:], e.Seq)
	for i := range e.Size {
		m[icmpHeader+i] = byte(i)
	}
	if p.domain == unix.AF_INET { // of ICMPv6 the kernel writes it
		binary.BigEndian.PutUint16(m[2:], internetChecksum(m))
	}
	return m
}

// answer reads what a raw socket received. It is not ok unless that came
// because of the request.
func (p icmpProtocol) answer(m []byte, e Echo) (r Reply, ok bool) {
	if p.domain == unix.AF_INET { // only there with its IP header
		m = afterHeader4(m)
	}
	if len(m) < icmpHeader {
		return r, false
	}
	r = Reply{Type: m[0], Code: m[1], Echo: m[0] == p.reply}
	request := p.message(e)
	if r.Echo { // which brings back all but the type and the checksum
		return r, bytes.Equal(m[4:], request[4:])
	}
	if !slices.Contains(p.errors, r.Type) {
		return r, false
	}
	quoted := m[icmpHeader:]
	if p.domain == unix.AF_INET {
		quoted = afterHeader4(quoted)
	} else {
		const header6 = 40
		quoted = quoted[min(header6, len(quoted)):]
	}
	return r, len(quoted) >= icmpHeader && quoted[0] == p.request && bytes.Equal(quoted[4:8], request[4:8])
}

// afterHeader4 returns what follows an IPv4 header, nothing if it is cut off.
func afterHeader4(packet []byte) []byte {
	if len(packet) == 0 {
		return nil
	}
	return packet[min(int(packet[0]&0xf)*4, len(packet)):]
}

// internetChecksum is that of RFC 1071.
func internetChecksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
