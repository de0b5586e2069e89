// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const ttl = 64 // of answers, or hop limit

// turn makes a frame with UDP over IPv4 or IPv6, tagged or not, the answer to
// itself. It returns false, and leaves the frame alone, if that is in no such
// frame. To swap addresses and ports changes no checksum.
func turn(frame []byte) bool {
	const macs, vlan = 12, 4
	if len(frame) < macs+vlan+2 {
		return false
	}
	at := macs
	if binary.BigEndian.Uint16(frame[at:]) == unix.ETH_P_8021Q {
		at += vlan
	}
	packet, ok := frame[at+2:], false
	switch binary.BigEndian.Uint16(frame[at:]) {
	case unix.ETH_P_IP:
		ok = turnIPv4(packet)
	case unix.ETH_P_IPV6:
		ok = turnIPv6(packet)
	}
	if ok {
		swap(frame[0:6], frame[6:12])
	}
	return ok
}

func turnIPv4(packet []byte) bool {
	if len(packet) < 20 || packet[9] != unix.IPPROTO_UDP {
		return false
	}
	header := 4 * int(packet[0]&15)
	if header < 20 || len(packet) < header+8 {
		return false
	}
	// The TTL is the high byte of its word: RFC 1624, HC' = ~(~HC + ~m + m').
	was := uint32(packet[8])<<8 | uint32(packet[9])
	packet[8] = ttl
	sum := uint32(^binary.BigEndian.Uint16(packet[10:])) + uint32(^uint16(was)) + (ttl<<8 | uint32(packet[9]))
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(packet[10:], ^uint16(sum))
	swap(packet[12:16], packet[16:20])
	swap(packet[header:header+2], packet[header+2:header+4])
	return true
}

func turnIPv6(packet []byte) bool {
	const header = 40
	if len(packet) < header+8 || packet[6] != unix.IPPROTO_UDP {
		return false
	}
	packet[7] = ttl
	swap(packet[8:24], packet[24:40])
	swap(packet[header:header+2], packet[header+2:header+4])
	return true
}

func swap(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}
