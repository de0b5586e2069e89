// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// overhead is what the outer headers take.
func overhead(s *dataplane.Service, b *dataplane.Backend) int {
	size := map[dataplane.ServiceMode]int{dataplane.L2: 0, dataplane.IPIP: 20, dataplane.GUE: 28}[s.Mode]
	if b.Address.Is6() && size > 0 {
		size += 20
	}
	return size
}

// deliver builds the frame for a backend; nil if it can't be made. Outer headers
// have the TOS inside, TTL 64, no ID, and forbid fragments.
func (m *Model) deliver(p *packet, f flow, s *dataplane.Service, b *dataplane.Backend, w way, hash uint32) []byte {
	p.egress, p.hop = w.egress, w.hop
	if s.Mode == dataplane.L2 {
		return m.routed(p)
	}
	out := p.start().IP(m.outerSource(b, hash), b.Address).FlowLabel(hash)
	if b.Address.Is4() {
		out.Fragment(0x4000)
	}
	if p.ipv6 {
		out.TOS(uint8(p.word(p.at) >> 4)).Protocol(41)
	} else {
		out.TOS(p.frame[p.at+1]).Protocol(4)
	}
	if s.Mode == dataplane.GUE { // variant 1: the packet directly behind UDP
		out.UDP(uint16(0xc000|hash&0x3fff), m.State.Balance.GUEPort).NoChecksum()
	}
	packet := p.frame[p.at : p.at+p.length]
	frame := out.Data(packet...).Bytes()
	if s.Mode == dataplane.GUE && b.Address.Is6() {
		whole := p.summedWhole(f)
		if whole && p.linear < p.at+p.length {
			return nil // it isn't all there to be summed up
		}
		p.sumUp(frame[len(frame)-8-len(packet)-40:], whole)
	}
	return frame
}

// outerSource has bits of the hash where the configured prefix leaves them open,
// in the last 32.
func (m *Model) outerSource(b *dataplane.Backend, hash uint32) netip.Addr {
	prefix := m.State.Balance.Source4
	if b.Address.Is6() {
		prefix = m.State.Balance.Source6
	}
	a := prefix.Masked().Addr().AsSlice()
	open := min(len(a)*8-prefix.Bits(), 32)
	last := a[len(a)-4:]
	binary.BigEndian.PutUint32(last, binary.BigEndian.Uint32(last)|hash&uint32(1<<open-1))
	source, _ := netip.AddrFromSlice(a)
	return source
}

// sumUp writes the outer UDP checksum behind an IPv6 header.
func (p *packet) sumUp(outer []byte, whole bool) {
	source, to, udp := netip.AddrFrom16([16]byte(outer[8:24])), netip.AddrFrom16([16]byte(outer[24:40])), outer[40:]
	summed := udp
	if !whole {
		summed = append(slices.Clone(udp[:8]), p.sumsUpTo()...)
	}
	sum := testkit.Checksum(append(testkit.PseudoHeader(source, to, len(udp), testkit.ProtoUDP), summed...))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
}

// summedWhole: no checksum in the packet says what it sums up to.
func (p *packet) summedWhole(f flow) bool {
	if f.fragment {
		return true
	}
	udp := p.at + p.headerLength()
	return f.protocol == testkit.ProtoUDP && !f.quoted && (udp+8 > p.linear || p.word(udp+6) == 0)
}

// sumsUpTo is bytes that sum up to as much as the packet, if its own checksum is
// right: with it, header and payload of a protocol sum up to the checksum of the
// pseudo-header, an IPv4 header and an ICMP message to nothing.
func (p *packet) sumsUpTo() []byte {
	if !p.ipv6 && p.protocol == testkit.ProtoICMP {
		return nil
	}
	above := testkit.Checksum(testkit.PseudoHeader(p.src, p.dst, p.length-p.headerLength(), p.protocol))
	var header []byte
	if p.ipv6 {
		header = append(header, p.frame[p.at:p.at+40]...)
	}
	return binary.BigEndian.AppendUint16(header, above)
}
