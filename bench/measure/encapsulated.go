// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// Protocols of packets in packets.
const (
	protocolIPIP = 4
	protocolIPv6 = 41
)

// outerBytes is how long an outer header of a frame's own family is.
func outerBytes(frame []byte) int {
	if isIPv4(frame) {
		return ipv4Bytes
	}
	return ipv6Bytes
}

// isEncapsulated says whether got is the sent frame on its way to a backend.
// Which one is the balancer's choice, and so are the outer source, below a
// prefix, and the flow label.
func isEncapsulated(sent, got []byte) error {
	if want := len(sent) + outerBytes(sent); len(got) != want {
		return fmt.Errorf("frame %x has %d bytes, want %d", got, len(got), want)
	}
	source, destination := addressesOf(got)
	if !outerSource4.Contains(source) && !outerSource6.Contains(source) {
		return fmt.Errorf("frame %x: outer source %v is not below %v or %v", got, source, outerSource4, outerSource6)
	}
	if !slices.Contains(backends4, destination) && !slices.Contains(backends6, destination) {
		return fmt.Errorf("frame %x: %v is no backend", got, destination)
	}
	want := encapsulated(sent, source, destination)
	if !isIPv4(want) {
		const label = 1<<20 - 1
		flow := want[ethernetBytes:]
		binary.BigEndian.PutUint32(flow, binary.BigEndian.Uint32(flow)|binary.BigEndian.Uint32(got[ethernetBytes:])&label)
	}
	return compare(got, want)
}

// encapsulated is a frame as it goes to a backend of its own family, with flow
// label 0.
func encapsulated(frame []byte, source, destination netip.Addr) []byte {
	protocol := byte(protocolIPIP)
	if source.Is6() {
		protocol = protocolIPv6
	}
	out := ipFrame(ingressMAC, gatewayMAC, source, destination, protocol, len(frame)+outerBytes(frame))
	if source.Is4() {
		out[ethernetBytes+6] = 0x40 // DF
		writeChecksum(out)
	}
	return append(out, frame[ethernetBytes:]...)
}

// addressesOf finds source and destination of a frame.
func addressesOf(frame []byte) (source, destination netip.Addr) {
	ip := frame[ethernetBytes:]
	if isIPv4(frame) {
		return netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
	}
	return netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
}
