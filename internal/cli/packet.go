// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// maxPacket is the longest IP packet that explain makes, bytes: more than any
// MTU, and within what a program can be run on.
const maxPacket = 60000

// packet is what explain's flags say of a packet.
type packet struct {
	source, destination string
	protocol            string
	sport, dport        uint16
	ttl                 uint8
	size                int // bytes of the IP packet, 0 = headers only
	vlan                uint16
	flags               string
}

// frame builds the packet. Its destination MAC is zero, for the receiver's to
// be put there.
func (p packet) frame() ([]byte, error) {
	if p.source == "" || p.destination == "" {
		return nil, usagef("explain needs --src and --dst, or --hex")
	}
	src, err := netip.ParseAddr(p.source)
	if err != nil {
		return nil, usagef("--src: %q is no IP address", p.source)
	}
	dst, err := netip.ParseAddr(p.destination)
	if err != nil {
		return nil, usagef("--dst: %q is no IP address", p.destination)
	}
	if src.Is4() != dst.Is4() || src.Zone()+dst.Zone() != "" {
		return nil, usagef("--src and --dst must be of one family, without zones")
	}
	if p.vlan > 4095 {
		return nil, usagef("--vlan: %d is over 4095", p.vlan)
	}
	protocol, err := p.protocolNumber(src.Is4())
	if err != nil {
		return nil, err
	}
	ip, network := p.ipLayer(src, dst, protocol)
	transport, err := p.transportLayer(protocol, network)
	if err != nil {
		return nil, err
	}
	stack := append(p.linkLayers(src.Is4()), ip)
	stack = append(stack, transport...)
	return p.serialize(stack, src.Is4())
}

func (p packet) protocolNumber(v4 bool) (layers.IPProtocol, error) {
	switch p.protocol {
	case "tcp":
		return layers.IPProtocolTCP, nil
	case "udp":
		return layers.IPProtocolUDP, nil
	case "icmp":
		if v4 {
			return layers.IPProtocolICMPv4, nil
		}
		return layers.IPProtocolICMPv6, nil
	}
	n, err := strconv.ParseUint(p.protocol, 10, 8)
	if err != nil {
		return 0, usagef("--proto: %q is not tcp, udp, icmp or a number up to 255", p.protocol)
	}
	return layers.IPProtocol(n), nil
}

// linkLayers are Ethernet and the tag, if any.
func (p packet) linkLayers(v4 bool) []gopacket.SerializableLayer {
	kind := layers.EthernetTypeIPv6
	if v4 {
		kind = layers.EthernetTypeIPv4
	}
	eth := &layers.Ethernet{
		SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: make(net.HardwareAddr, 6),
		EthernetType: kind,
	}
	if p.vlan == 0 {
		return []gopacket.SerializableLayer{eth}
	}
	eth.EthernetType = layers.EthernetTypeDot1Q
	return []gopacket.SerializableLayer{eth, &layers.Dot1Q{VLANIdentifier: p.vlan, Type: kind}}
}

func (p packet) ipLayer(src, dst netip.Addr, protocol layers.IPProtocol) (gopacket.SerializableLayer, gopacket.NetworkLayer) {
	if src.Is4() {
		ip := &layers.IPv4{Version: 4, IHL: 5, TTL: p.ttl, Flags: layers.IPv4DontFragment, Protocol: protocol,
			SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		return ip, ip
	}
	ip := &layers.IPv6{Version: 6, HopLimit: p.ttl, NextHeader: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	return ip, ip
}

// transportLayer makes the header that follows IP; none for protocols that are
// given as a number other than those with a name.
func (p packet) transportLayer(protocol layers.IPProtocol, network gopacket.NetworkLayer) ([]gopacket.SerializableLayer, error) {
	switch protocol {
	case layers.IPProtocolTCP:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(p.sport), DstPort: layers.TCPPort(p.dport), Window: 65535}
		if err := setFlags(tcp, p.flags); err != nil {
			return nil, err
		}
		if tcp.SYN { // an option for mss-clamp to work on
			tcp.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{0x05, 0xb4}}}
		}
		return []gopacket.SerializableLayer{tcp}, tcp.SetNetworkLayerForChecksum(network)
	case layers.IPProtocolUDP:
		udp := &layers.UDP{SrcPort: layers.UDPPort(p.sport), DstPort: layers.UDPPort(p.dport)}
		return []gopacket.SerializableLayer{udp}, udp.SetNetworkLayerForChecksum(network)
	case layers.IPProtocolICMPv4:
		return []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0)}}, nil
	case layers.IPProtocolICMPv6:
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)}
		return []gopacket.SerializableLayer{icmp, &layers.ICMPv6Echo{}}, icmp.SetNetworkLayerForChecksum(network)
	}
	return nil, nil
}

func setFlags(tcp *layers.TCP, flags string) error {
	names := map[string]*bool{"syn": &tcp.SYN, "ack": &tcp.ACK, "fin": &tcp.FIN, "rst": &tcp.RST, "psh": &tcp.PSH, "urg": &tcp.URG}
	for name := range strings.SplitSeq(flags, ",") {
		if name == "" {
			continue
		}
		flag, ok := names[strings.ToLower(name)]
		if !ok {
			return usagef("--flags: %q is no TCP flag: syn, ack, fin, rst, psh, urg", name)
		}
		*flag = true
	}
	return nil
}

// serialize writes the layers, the packet filled up with zeros to its size.
func (p packet) serialize(stack []gopacket.SerializableLayer, v4 bool) ([]byte, error) {
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	link := len(p.linkLayers(v4))
	head := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(head, options, stack[link:]...); err != nil {
		return nil, fmt.Errorf("making the packet: %w", err)
	}
	headers := len(head.Bytes())
	if p.size > maxPacket || p.size != 0 && p.size < headers {
		return nil, usagef("--size: this packet can have from %d to %d bytes", headers, maxPacket)
	}
	payload := gopacket.Payload(make([]byte, max(p.size, headers)-headers))
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, options, append(stack, payload)...); err != nil {
		return nil, fmt.Errorf("making the packet: %w", err)
	}
	return buffer.Bytes(), nil
}

// describeHex says in one line what a frame is.
func describeHex(digits string) string {
	frame, err := hex.DecodeString(digits)
	if err != nil {
		return digits
	}
	return describe(frame)
}

func describe(frame []byte) string {
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
	var parts []string
	for _, layer := range packet.Layers() {
		switch l := layer.(type) {
		case *layers.Ethernet:
			parts = append(parts, fmt.Sprintf("%s > %s", l.SrcMAC, l.DstMAC))
		case *layers.Dot1Q:
			parts = append(parts, fmt.Sprintf("vlan %d", l.VLANIdentifier))
		case *layers.IPv4:
			parts = append(parts, fmt.Sprintf("%s > %s %s ttl %d", l.SrcIP, l.DstIP, l.Protocol, l.TTL))
		case *layers.IPv6:
			parts = append(parts, fmt.Sprintf("%s > %s %s hop limit %d", l.SrcIP, l.DstIP, l.NextHeader, l.HopLimit))
		case *layers.TCP:
			parts = append(parts, fmt.Sprintf("ports %d > %d", l.SrcPort, l.DstPort))
		case *layers.UDP:
			parts = append(parts, fmt.Sprintf("ports %d > %d", l.SrcPort, l.DstPort))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d bytes", len(frame))), ", ")
}
