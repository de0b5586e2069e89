// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
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

// addressesOf are the source and the destination of a packet.
func addressesOf(etherType uint16, packet []byte) (source, destination netip.Addr) {
	if etherType == testkit.EtherTypeIPv4 {
		return netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:]))
	}
	return netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
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
	out := testkit.NewFrame(s.dmac, s.smac)
	if s.vid != 0 {
		out.Tag(tci&0xf000 | s.vid)
	}
	if s.mode == L2 {
		return out.EtherType(etherType).Data(aged(etherType, bytes.Clone(packet))...).Bytes()
	}
	from, to := netip.MustParseAddr(s.from), netip.MustParseAddr(s.to)
	out.IP(from, to).FlowLabel(s.flowLabel)
	if to.Is4() {
		out.Fragment(0x4000)
	}
	if etherType == testkit.EtherTypeIPv6 {
		out.Protocol(41).TOS(byte(binary.BigEndian.Uint16(packet) >> 4))
	} else {
		out.Protocol(4).TOS(packet[1])
	}
	if s.mode == GUE {
		out.UDP(s.port, 6080)
		if to.Is4() {
			out.NoChecksum()
		}
	}
	return out.Data(packet...).Bytes()
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

// tooBig is the answer to a frame that is too big for its backend.
type tooBig struct {
	in  frame
	mtu int
}

func (a tooBig) Bytes() []byte {
	f := a.in.Bytes()
	tci, etherType, packet := l2Of(f)
	out := testkit.NewFrame([6]byte(f[6:12]), [6]byte(f[:6]))
	if binary.BigEndian.Uint16(f[12:]) == testkit.EtherType8021Q {
		out.Tag(tci)
	}
	from, to := addressesOf(etherType, packet)
	out.IP(to, from).TOS(0xc0)
	if etherType == testkit.EtherTypeIPv4 {
		return out.ICMP(3, 4).MTU(a.mtu).Data(packet[:28]...).Bytes()
	}
	return out.ICMP(2, 0).MTU(a.mtu).Data(packet[:1232]...).Bytes()
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
