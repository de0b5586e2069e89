// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"net/netip"
)

// original is the variable of that name in sender.h.
type original struct {
	MACs      uint64
	Header    uint64
	MoreMACs  uint32
	CheckBase uint32
}

// originalOf finds what to put back into frames like this one, in which the
// address that changes from flow to flow is unspecified.
func originalOf(frame []byte) original {
	little := binary.LittleEndian
	o := original{MACs: little.Uint64(frame), MoreMACs: little.Uint32(frame[8:])}
	header := frame[ethernetBytes:]
	if !isIPv4(frame) {
		o.Header = little.Uint64(header)
		return o
	}
	const checkMask = 0xffff << 16
	o.Header = little.Uint64(header[8:]) &^ checkMask
	for i := 0; i < ipv4Bytes; i += 2 {
		if i != 10 { // the checksum itself
			o.CheckBase += uint32(little.Uint16(header[i:]))
		}
	}
	return o
}

// unspecified is the address of a's family that no host has.
func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
