// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Outer sources that are not configured come from here.
var (
	source4 = netip.MustParsePrefix("172.16.0.0/16")
	source6 = netip.MustParsePrefix("100::/96")
)

// delivery is the way of packets to a server: MAC addresses on the last link, and
// its own address.
type delivery struct {
	service service
	from    net.HardwareAddr
	to      net.HardwareAddr
	server  netip.Addr
}

// frame is what the server gets of a frame that came to the balancer, untagged and
// with what is said in it: built by another library than what it is compared with.
func (d delivery) frame(came []byte) ([]byte, error) {
	kind := layers.EthernetType(binary.BigEndian.Uint16(came[12:]))
	packet := came[14:]
	length := int(binary.BigEndian.Uint16(packet[2:]))
	if kind == layers.EthernetTypeIPv6 {
		length = 40 + int(binary.BigEndian.Uint16(packet[4:]))
	}
	if d.service.mode == "l2" {
		const least = 60 - 14 // what fills a frame up to it stays
		return d.ethernet(kind, aged(kind, packet[:min(len(packet), max(length, least))])), nil
	}
	return d.tunnel(kind, packet[:length], flowHash(kind, packet))
}

func (d delivery) ethernet(kind layers.EthernetType, packet []byte) []byte {
	return slices.Concat(d.to, d.from, binary.BigEndian.AppendUint16(nil, uint16(kind)), packet)
}

// aged is a packet that has been forwarded once (RFC 1141).
func aged(kind layers.EthernetType, packet []byte) []byte {
	packet = slices.Clone(packet)
	if kind == layers.EthernetTypeIPv6 {
		packet[7]--
		return packet
	}
	packet[8]--
	sum := uint32(binary.BigEndian.Uint16(packet[10:])) + 0x100
	binary.BigEndian.PutUint16(packet[10:], uint16(sum+sum>>16))
	return packet
}

func (d delivery) tunnel(kind layers.EthernetType, inner []byte, hash uint32) ([]byte, error) {
	protocol, tos := layers.IPProtocolIPv4, inner[1]
	if kind == layers.EthernetTypeIPv6 {
		protocol, tos = layers.IPProtocolIPv6, inner[0]<<4|inner[1]>>4
	}
	if d.service.mode == "gue" {
		protocol = layers.IPProtocolUDP
	}
	if d.server.Is6() {
		packet, err := d.outer6(protocol, tos, inner, hash)
		return d.ethernet(layers.EthernetTypeIPv6, packet), err
	}
	packet, err := d.outer4(protocol, tos, inner, hash)
	return d.ethernet(layers.EthernetTypeIPv4, packet), err
}

func (d delivery) outer4(protocol layers.IPProtocol, tos uint8, inner []byte, hash uint32) ([]byte, error) {
	source := source4.Addr().As4()
	binary.BigEndian.PutUint16(source[2:], uint16(hash))
	ip := &layers.IPv4{
		Version: 4, TOS: tos, Flags: layers.IPv4DontFragment, TTL: 64, Protocol: protocol,
		SrcIP: source[:], DstIP: d.server.AsSlice(),
	}
	payload, err := d.payload(nil, inner, hash)
	if err != nil {
		return nil, err
	}
	return serialize(payload, ip)
}

func (d delivery) outer6(protocol layers.IPProtocol, tos uint8, inner []byte, hash uint32) ([]byte, error) {
	source := source6.Addr().As16()
	binary.BigEndian.PutUint32(source[12:], hash)
	ip := &layers.IPv6{
		Version: 6, TrafficClass: tos, FlowLabel: hash & 0xfffff, NextHeader: protocol, HopLimit: 64,
		SrcIP: source[:], DstIP: d.server.AsSlice(),
	}
	payload, err := d.payload(ip, inner, hash)
	if err != nil {
		return nil, err
	}
	return serialize(payload, ip)
}

// payload is what the outer IP packet carries. Its UDP has a checksum over IPv6
// only, where there must be one.
func (d delivery) payload(outer *layers.IPv6, inner []byte, hash uint32) ([]byte, error) {
	if d.service.mode != "gue" {
		return inner, nil
	}
	udp := &layers.UDP{SrcPort: layers.UDPPort(0xc000 | hash&0x3fff), DstPort: guePort}
	if outer == nil {
		b := gopacket.NewSerializeBuffer()
		err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, udp, gopacket.Payload(inner))
		return b.Bytes(), err
	}
	if err := udp.SetNetworkLayerForChecksum(outer); err != nil {
		return nil, err
	}
	return serialize(inner, udp)
}

func serialize(payload []byte, header gopacket.SerializableLayer) ([]byte, error) {
	b := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	err := gopacket.SerializeLayers(b, options, header, gopacket.Payload(payload))
	return b.Bytes(), err
}

// flowHash is flow_hash of bpf/choose.h with seed 0, over source address and ports
// as they lie in memory.
func flowHash(kind layers.EthernetType, packet []byte) uint32 {
	const factor = 0x9fb21c651e98df25
	mix := func(x uint64) uint32 {
		x = (x ^ x>>32) * factor
		x = (x ^ x>>29) * factor
		return uint32((x ^ x>>32) >> 32)
	}
	if kind == layers.EthernetTypeIPv4 {
		source, ports := binary.NativeEndian.Uint32(packet[12:]), binary.NativeEndian.Uint32(packet[20:])
		return mix(uint64(source)<<32 | uint64(ports))
	}
	step := func(x uint64) uint64 {
		x *= factor
		return x ^ x>>32
	}
	h := step(step(binary.NativeEndian.Uint64(packet[8:])) ^ binary.NativeEndian.Uint64(packet[16:]))
	return mix(h ^ uint64(binary.NativeEndian.Uint32(packet[40:])))
}
