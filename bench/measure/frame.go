// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"clearway/dataplane"
)

// Offsets and sizes of the frames that are sent: without tags and options.
const (
	ethernetBytes = 14
	ipv4Bytes     = 20
	ipv6Bytes     = 40
	tcpBytes      = 20
	frameBytes    = 64 // without FCS: the least that holds IPv6 and UDP too
	ttl           = 64
	protocolTCP   = 6
	protocolUDP   = 17
)

// Flags of TCP.
const (
	flagSYN = 0x02
	flagACK = 0x10
)

// udpFrame makes a frame of UDP that is right in all its bytes, but for the UDP
// checksum: 0, none.
func udpFrame(from, to dataplane.MAC, source, destination netip.Addr) []byte {
	frame := ipFrame(from, to, source, destination, protocolUDP, frameBytes)
	const sourcePort, destinationPort = 40000, 9 // discard
	udp := len(frame)
	frame = binary.BigEndian.AppendUint16(frame, sourcePort)
	frame = binary.BigEndian.AppendUint16(frame, destinationPort)
	frame = binary.BigEndian.AppendUint16(frame, uint16(frameBytes-udp))
	return append(frame, make([]byte, frameBytes-len(frame))...)
}

// tcpFrame makes a frame of TCP that is right in all its bytes, but for the TCP
// checksum. It is as long as udpFrame's, or as its headers are.
func tcpFrame(from, to dataplane.MAC, source, destination netip.AddrPort, flags byte) []byte {
	size := frameBytes
	if source.Addr().Is6() {
		size = ethernetBytes + ipv6Bytes + tcpBytes
	}
	frame := ipFrame(from, to, source.Addr(), destination.Addr(), protocolTCP, size)
	frame = binary.BigEndian.AppendUint16(frame, source.Port())
	frame = binary.BigEndian.AppendUint16(frame, destination.Port())
	frame = append(frame, make([]byte, 8)...) // sequence numbers
	frame = append(frame, tcpBytes/4<<4, flags)
	return append(frame, make([]byte, size-len(frame))...)
}

// ipFrame is the beginning of a frame of so many bytes, up to the IP header.
func ipFrame(from, to dataplane.MAC, source, destination netip.Addr, protocol byte, size int) []byte {
	frame := slices.Concat(to[:], from[:])
	if source.Is4() {
		frame = binary.BigEndian.AppendUint16(frame, 0x0800)
		frame = append(frame, 0x45, 0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(size-ethernetBytes))
		frame = append(frame, 0, 0, 0, 0, ttl, protocol, 0, 0)
	} else {
		frame = binary.BigEndian.AppendUint16(frame, 0x86dd)
		frame = append(frame, 0x60, 0, 0, 0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(size-ethernetBytes-ipv6Bytes))
		frame = append(frame, protocol, ttl)
	}
	frame = append(frame, source.AsSlice()...)
	frame = append(frame, destination.AsSlice()...)
	if source.Is4() {
		writeChecksum(frame)
	}
	return frame
}

// forwarded is what a router makes of a frame.
func forwarded(frame []byte, from, to dataplane.MAC) []byte {
	out := slices.Concat(to[:], from[:], frame[12:])
	if isIPv4(out) {
		out[ethernetBytes+8]--
		writeChecksum(out)
	} else {
		out[ethernetBytes+7]--
	}
	return out
}

func isIPv4(frame []byte) bool {
	return binary.BigEndian.Uint16(frame[12:]) == 0x0800
}

// isTraffic says whether a frame is of the benchmark. Devices that come up say
// some ICMPv6 of their own.
func isTraffic(frame []byte) bool {
	return isIPv4(frame) || slices.Contains([]byte{protocolTCP, protocolUDP, protocolIPv6}, frame[ethernetBytes+6])
}

// sum adds up 16-bit words in the one's complement of RFC 1071.
func sum(b []byte) uint16 {
	var s uint32
	for i := 0; i < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func writeChecksum(frame []byte) {
	header := frame[ethernetBytes : ethernetBytes+ipv4Bytes]
	check := header[10:12]
	clear(check)
	binary.BigEndian.PutUint16(check, ^sum(header))
}
