// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"net/netip"

	"clearway/internal/testkit"
)

// sent is the frame that a backend should get: what is in a frame that came in,
// behind new headers. Everything is worked out the obvious way.
type sent struct {
	in        frame
	vid       uint16 // of the tag out, 0 = none; PCP and DEI are those of the tag in
	mode      ServiceMode
	from, to  string // outer addresses
	dmac      [6]byte
	smac      [6]byte
	flowLabel uint32
	port      uint16 // outer source port
}

// l2Of takes an Ethernet frame apart.
func l2Of(f []byte) (tci uint16, etherType uint16, packet []byte) {
	etherType, packet = binary.BigEndian.Uint16(f[12:]), f[14:]
	if etherType == testkit.EtherType8021Q {
		tci, etherType, packet = binary.BigEndian.Uint16(f[14:]), binary.BigEndian.Uint16(f[16:]), f[18:]
	}
	if etherType == testkit.EtherTypeIPv4 {
		return tci, etherType, packet[:binary.BigEndian.Uint16(packet[2:])]
	}
	return tci, etherType, packet[:40+int(binary.BigEndian.Uint16(packet[4:]))]
}

func (s sent) Bytes() []byte {
	tci, etherType, packet := l2Of(s.in.Bytes())
	packet = append([]byte{}, packet...)
	if s.mode == L2 {
		packet = aged(etherType, packet)
	} else {
		etherType, packet = s.encapsulated(etherType, packet)
	}
	return append(s.l2(tci, etherType), packet...)
}

func (s sent) l2(tci, etherType uint16) []byte {
	out := append(append([]byte{}, s.dmac[:]...), s.smac[:]...)
	if s.vid != 0 {
		out = binary.BigEndian.AppendUint16(out, testkit.EtherType8021Q)
		out = binary.BigEndian.AppendUint16(out, tci&0xf000|s.vid)
	}
	return binary.BigEndian.AppendUint16(out, etherType)
}

// aged is the packet with a TTL one lower.
func aged(etherType uint16, p []byte) []byte {
	if etherType == testkit.EtherTypeIPv6 {
		p[7]--
		return p
	}
	p[8]--
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], testkit.Checksum(p[:20]))
	return p
}

func (s sent) encapsulated(etherType uint16, inner []byte) (uint16, []byte) {
	from, to := netip.MustParseAddr(s.from), netip.MustParseAddr(s.to)
	protocol, tos := byte(4), inner[1]
	if etherType == testkit.EtherTypeIPv6 {
		protocol, tos = 41, byte(binary.BigEndian.Uint16(inner)>>4)
	}
	if s.mode == GUE {
		protocol, inner = 17, s.udp(from, to, inner)
	}
	if to.Is4() {
		h := binary.BigEndian.AppendUint16([]byte{0x45, tos}, uint16(20+len(inner)))
		h = append(h, 0, 0, 0x40, 0, 64, protocol, 0, 0)
		h = append(append(h, from.AsSlice()...), to.AsSlice()...)
		binary.BigEndian.PutUint16(h[10:], testkit.Checksum(h))
		return testkit.EtherTypeIPv4, append(h, inner...)
	}
	h := binary.BigEndian.AppendUint32(nil, 6<<28|uint32(tos)<<20|s.flowLabel)
	h = binary.BigEndian.AppendUint16(h, uint16(len(inner)))
	h = append(h, protocol, 64)
	return testkit.EtherTypeIPv6, append(append(append(h, from.AsSlice()...), to.AsSlice()...), inner...)
}

// udp has a checksum over IPv6 only.
func (s sent) udp(from, to netip.Addr, payload []byte) []byte {
	u := binary.BigEndian.AppendUint16(nil, s.port)
	u = binary.BigEndian.AppendUint16(u, 6080)
	u = binary.BigEndian.AppendUint16(u, uint16(8+len(payload)))
	u = append(append(u, 0, 0), payload...)
	if to.Is4() {
		return u
	}
	pseudo := append(append([]byte{}, from.AsSlice()...), to.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(u)))
	sum := testkit.Checksum(append(append(pseudo, 0, 0, 0, 17), u...))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(u[6:], sum)
	return u
}

// tooBig is the answer to a frame that is too big for its backend.
type tooBig struct {
	in  frame
	mtu uint16
}

func (a tooBig) Bytes() []byte {
	f := a.in.Bytes()
	out := append(append(append([]byte{}, f[6:12]...), f[:6]...), f[12:14]...)
	_, etherType, packet := l2Of(f)
	if binary.BigEndian.Uint16(f[12:]) == testkit.EtherType8021Q {
		out = append(out, f[14:18]...)
	}
	if etherType == testkit.EtherTypeIPv4 {
		return append(out, a.icmp4(packet)...)
	}
	return append(out, a.icmp6(packet)...)
}

func (a tooBig) icmp4(packet []byte) []byte {
	icmp := binary.BigEndian.AppendUint16([]byte{3, 4, 0, 0, 0, 0}, a.mtu)
	icmp = append(icmp, packet[:28]...)
	binary.BigEndian.PutUint16(icmp[2:], testkit.Checksum(icmp))
	h := binary.BigEndian.AppendUint16([]byte{0x45, 0xc0}, uint16(20+len(icmp)))
	h = append(h, 0, 0, 0, 0, 64, 1, 0, 0)
	h = append(append(h, packet[16:20]...), packet[12:16]...)
	binary.BigEndian.PutUint16(h[10:], testkit.Checksum(h))
	return append(h, icmp...)
}

func (a tooBig) icmp6(packet []byte) []byte {
	icmp := binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0}, uint32(a.mtu))
	icmp = append(icmp, packet[:1232]...)
	addresses := append(append([]byte{}, packet[24:40]...), packet[8:24]...)
	pseudo := binary.BigEndian.AppendUint32(append([]byte{}, addresses...), uint32(len(icmp)))
	pseudo = append(append(pseudo, 0, 0, 0, 58), icmp...)
	binary.BigEndian.PutUint16(icmp[2:], testkit.Checksum(pseudo))
	h := binary.BigEndian.AppendUint16([]byte{0x6c, 0, 0, 0}, uint16(len(icmp)))
	return append(append(append(h, 58, 64), addresses...), icmp...)
}

// hashOf is the hash of a frame's flow, and hashOfSource that of one with
// affinity to its source, as bpf/choose.h defines them: over words as they lie
// in memory.
func hashOf(f []byte, seed uint64) uint32 {
	_, etherType, packet := l2Of(f)
	ports := packet[20:24]
	if etherType == testkit.EtherTypeIPv6 {
		ports = packet[40:44]
	}
	return hashParts(etherType, packet, uint64(binary.LittleEndian.Uint32(ports)), seed)
}

func hashOfSource(f []byte, seed uint64) uint32 {
	_, etherType, packet := l2Of(f)
	return hashParts(etherType, packet, 0, seed)
}

func hashParts(etherType uint16, packet []byte, ports, seed uint64) uint32 {
	const factor = 0x9fb21c651e98df25
	mix := func(x uint64) uint64 {
		x ^= x >> 32
		x *= factor
		x ^= x >> 29
		x *= factor
		return x ^ x>>32
	}
	step := func(x uint64) uint64 {
		x *= factor
		return x ^ x>>32
	}
	if etherType == testkit.EtherTypeIPv4 {
		return uint32(mix(seed^(uint64(binary.LittleEndian.Uint32(packet[12:]))<<32|ports)) >> 32)
	}
	low, high := binary.LittleEndian.Uint64(packet[8:]), binary.LittleEndian.Uint64(packet[16:])
	return uint32(mix(step(step(seed^low)^high)^ports) >> 32)
}
