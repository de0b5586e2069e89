// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"net/netip"

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

// deliver builds the frame for a backend; nil if it can't be made.
func (m *Model) deliver(p *packet, f flow, s *dataplane.Service, b *dataplane.Backend, w way, hash uint32) []byte {
	p.egress, p.hop = w.egress, w.hop
	if s.Mode == dataplane.L2 {
		return m.routed(p)
	}
	packet := p.frame[p.at : p.at+p.length]
	source := m.outerSource(b, hash)
	protocol := byte(4)
	if p.ipv6 {
		protocol = 41
	}
	if s.Mode == dataplane.GUE {
		whole := p.summedWhole(f)
		if whole && b.Address.Is6() && p.linear < p.at+p.length {
			return nil // it isn't all there to be summed up
		}
		packet = m.udp(p, source, b.Address, packet, hash, whole)
		protocol = testkit.ProtoUDP
	}
	out := append(p.l2(w), outerIP(p, source, b.Address, protocol, len(packet), hash)...)
	return append(out, packet...)
}

// l2 is the Ethernet header behind which comes an ethertype; priority bits stay.
func (p *packet) l2(w way) []byte {
	out := append(append([]byte{}, w.hop.DMAC[:]...), w.hop.SMAC[:]...)
	if w.egress.VID != 0 {
		out = binary.BigEndian.AppendUint16(out, testkit.EtherType8021Q)
		out = binary.BigEndian.AppendUint16(out, p.tci&0xf000|w.egress.VID)
	}
	return out
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

// outerIP is an ethertype and an IP header: TOS as inside, TTL 64, not to be
// fragmented, no ID.
func outerIP(p *packet, source, to netip.Addr, protocol byte, length int, hash uint32) []byte {
	tos := p.frame[p.at+1]
	if p.ipv6 {
		tos = byte(p.word(p.at) >> 4)
	}
	addresses := append(source.AsSlice(), to.AsSlice()...)
	if to.Is6() {
		h := []byte{0x86, 0xdd}
		h = binary.BigEndian.AppendUint32(h, 6<<28|uint32(tos)<<20|hash&0xfffff)
		h = binary.BigEndian.AppendUint16(h, uint16(length))
		return append(append(h, protocol, 64), addresses...)
	}
	h := binary.BigEndian.AppendUint16([]byte{0x45, tos}, uint16(20+length))
	h = append(append(h, 0, 0, 0x40, 0, 64, protocol, 0, 0), addresses...)
	binary.BigEndian.PutUint16(h[10:], testkit.Checksum(h))
	return append([]byte{0x08, 0x00}, h...)
}

// udp is variant 1 of GUE: the packet directly behind UDP. The checksum is left
// out over IPv4.
func (m *Model) udp(p *packet, source, to netip.Addr, packet []byte, hash uint32, whole bool) []byte {
	u := binary.BigEndian.AppendUint16(nil, uint16(0xc000|hash&0x3fff))
	u = binary.BigEndian.AppendUint16(u, uint16(m.State.Balance.GUEPort))
	u = binary.BigEndian.AppendUint16(u, uint16(8+len(packet)))
	u = append(u, 0, 0)
	if to.Is6() {
		summed := packet
		if !whole {
			summed = p.sumsUpTo()
		}
		pseudo := pseudoHeader(source, to, 8+len(packet), testkit.ProtoUDP)
		sum := testkit.Checksum(append(append(pseudo, u...), summed...))
		if sum == 0 {
			sum = 0xffff
		}
		binary.BigEndian.PutUint16(u[6:], sum)
	}
	return append(u, packet...)
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
	above := testkit.Checksum(pseudoHeader(p.src, p.dst, p.length-p.headerLength(), p.protocol))
	var header []byte
	if p.ipv6 {
		header = append(header, p.frame[p.at:p.at+40]...)
	}
	return binary.BigEndian.AppendUint16(header, above)
}

// pseudoHeader is that of RFC 8200, section 8.1; one over RFC 9293's sums up to
// the same.
func pseudoHeader(source, to netip.Addr, length int, protocol uint8) []byte {
	h := append(source.AsSlice(), to.AsSlice()...)
	h = binary.BigEndian.AppendUint32(h, uint32(length))
	return append(h, 0, 0, 0, protocol)
}
