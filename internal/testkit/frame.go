// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"encoding/binary"
	"net/netip"
)

// EtherTypes and protocol numbers that rows of tests name.
const (
	EtherTypeIPv4   = 0x0800
	EtherTypeARP    = 0x0806
	EtherType8021Q  = 0x8100
	EtherTypeIPv6   = 0x86dd
	EtherType8021AD = 0x88a8

	ProtoICMP    = 1
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoDCCP    = 33
	ProtoGRE     = 47
	ProtoICMPv6  = 58
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// TCP flags.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// Frame builds an Ethernet frame from the outside in. Lengths and checksums
// are right unless a method says otherwise; addresses in strings must parse,
// or the builder panics: they are literals of test rows.
//
//	NewFrame(router, host).Tag(100).IPv4("10.0.0.2", "203.0.113.9").TCP(1, 2, SYN).Payload(10).Bytes()
type Frame struct {
	ethernet  []byte // MACs and tags
	etherType uint16

	src, dst     netip.Addr
	version      uint8
	headerWords  int // IHL, -1 = right
	ttl, tos     uint8
	flowLabel    uint32
	id, fragment uint16
	options      []byte
	extensions   []extension
	length       int // total length (IPv4) or payload length (IPv6), -1 = right
	badChecksum  bool

	protocol   uint8
	noChecksum bool // above IP
	transport  []byte
	tcpOptions []byte
	dataOffset int // -1 = right
	payload    []byte
	trailer    []byte
}

type extension struct {
	header uint8
	body   []byte // from its third byte on
}

// NewFrame starts a frame without an IP packet, from source to destination.
func NewFrame(destination, source [6]byte) *Frame {
	ethernet := append(append([]byte{}, destination[:]...), source[:]...)
	return &Frame{ethernet: ethernet, headerWords: -1, length: -1, dataOffset: -1, ttl: 64}
}

// Tag adds an 802.1Q tag behind those already there: VLAN ID, and PCP and DEI
// in the top four bits.
func (f *Frame) Tag(tci uint16) *Frame { return f.TagOf(EtherType8021Q, tci) }

// TagOf adds a tag of another protocol, such as 802.1ad.
func (f *Frame) TagOf(protocol, tci uint16) *Frame {
	f.ethernet = binary.BigEndian.AppendUint16(f.ethernet, protocol)
	f.ethernet = binary.BigEndian.AppendUint16(f.ethernet, tci)
	return f
}

// EtherType sets the type behind the tags; IPv4 and IPv6 set their own.
func (f *Frame) EtherType(t uint16) *Frame { f.etherType = t; return f }

// IPv4 makes the frame carry an IPv4 packet with TTL 64.
func (f *Frame) IPv4(source, destination string) *Frame {
	return f.IP(netip.MustParseAddr(source), netip.MustParseAddr(destination))
}

// IPv6 makes the frame carry an IPv6 packet with hop limit 64.
func (f *Frame) IPv6(source, destination string) *Frame {
	return f.IP(netip.MustParseAddr(source), netip.MustParseAddr(destination))
}

// IP is IPv4 or IPv6 by the family of the destination.
func (f *Frame) IP(source, destination netip.Addr) *Frame {
	f.src, f.dst, f.version, f.etherType = source, destination, 4, EtherTypeIPv4
	if destination.BitLen() == 128 {
		f.version, f.etherType = 6, EtherTypeIPv6
	}
	return f
}

// Version overrides the version field.
func (f *Frame) Version(v uint8) *Frame { f.version = v; return f }

// IHL overrides the IPv4 header length, in words of four bytes.
func (f *Frame) IHL(words int) *Frame { f.headerWords = words; return f }

// TTL sets the TTL or hop limit.
func (f *Frame) TTL(ttl uint8) *Frame { f.ttl = ttl; return f }

// TOS sets the TOS byte or traffic class.
func (f *Frame) TOS(tos uint8) *Frame { f.tos = tos; return f }

// FlowLabel sets the 20 bits of IPv6.
func (f *Frame) FlowLabel(label uint32) *Frame { f.flowLabel = label & 0xfffff; return f }

// ID sets the identification of an IPv4 packet.
func (f *Frame) ID(id uint16) *Frame { f.id = id; return f }

// Fragment sets flags and offset: of the IPv4 header as they are there (0x2000
// more, 0x4000 don't fragment), of IPv6 in a fragment header.
func (f *Frame) Fragment(bits uint16) *Frame {
	if f.etherType == EtherTypeIPv6 {
		return f.Extension(44, []byte{byte(bits >> 8), byte(bits), 0, 0, 0, 1})
	}
	f.fragment = bits
	return f
}

// Options adds IPv4 options; zeros fill up the last word.
func (f *Frame) Options(options ...byte) *Frame {
	f.options = padWords(append(f.options, options...))
	return f
}

// Extension adds an IPv6 extension header: its number, and its bytes but for
// the first two, which should be 6 or 8 more for each unit of length.
func (f *Frame) Extension(header uint8, body []byte) *Frame {
	f.extensions = append(f.extensions, extension{header, body})
	return f
}

// Length overrides the total length (IPv4) or payload length (IPv6) field.
func (f *Frame) Length(n int) *Frame { f.length = n; return f }

// BadChecksum makes the IPv4 header checksum wrong.
func (f *Frame) BadChecksum() *Frame { f.badChecksum = true; return f }

// Protocol sets the protocol number, without a header of it.
func (f *Frame) Protocol(p uint8) *Frame { f.protocol, f.transport = p, nil; return f }

// TCP adds a TCP header with these flags.
func (f *Frame) TCP(source, destination uint16, flags uint8) *Frame {
	f.protocol = ProtoTCP
	f.transport = make([]byte, 20)
	binary.BigEndian.PutUint16(f.transport, source)
	binary.BigEndian.PutUint16(f.transport[2:], destination)
	f.transport[13] = flags
	binary.BigEndian.PutUint16(f.transport[14:], 0xfff0)
	return f
}

// TCPOptions adds options as they are; zeros fill up the last word.
func (f *Frame) TCPOptions(options ...byte) *Frame {
	f.tcpOptions = padWords(append(f.tcpOptions, options...))
	return f
}

// DataOffset overrides the TCP header length, in words of four bytes.
func (f *Frame) DataOffset(words int) *Frame { f.dataOffset = words; return f }

// UDP adds a UDP header.
func (f *Frame) UDP(source, destination uint16) *Frame {
	return f.Ports(ProtoUDP, source, destination)
}

// Ports adds eight bytes that begin with two ports, for protocols like SCTP.
func (f *Frame) Ports(protocol uint8, source, destination uint16) *Frame {
	f.protocol = protocol
	f.transport = make([]byte, 8)
	binary.BigEndian.PutUint16(f.transport, source)
	binary.BigEndian.PutUint16(f.transport[2:], destination)
	return f
}

// ICMP adds an ICMP or, in an IPv6 packet, ICMPv6 header.
func (f *Frame) ICMP(kind, code uint8) *Frame {
	f.protocol = ProtoICMP
	if f.etherType == EtherTypeIPv6 {
		f.protocol = ProtoICMPv6
	}
	f.transport = []byte{kind, code, 0, 0, 0, 0, 0, 0}
	return f
}

// MTU sets that of an ICMP error that tells of a packet too big.
func (f *Frame) MTU(mtu int) *Frame {
	binary.BigEndian.PutUint32(f.transport[4:], uint32(mtu))
	return f
}

// NoChecksum leaves that of the header above IP zero.
func (f *Frame) NoChecksum() *Frame { f.noChecksum = true; return f }

// Payload adds n bytes that differ from each other.
func (f *Frame) Payload(n int) *Frame {
	for i := range n {
		f.payload = append(f.payload, byte(i))
	}
	return f
}

// Data adds bytes as they are.
func (f *Frame) Data(b ...byte) *Frame { f.payload = append(f.payload, b...); return f }

// Trailer adds n bytes of 0xee behind the IP packet.
func (f *Frame) Trailer(n int) *Frame {
	for range n {
		f.trailer = append(f.trailer, 0xee)
	}
	return f
}

func padWords(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
