// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"encoding/binary"
	"net/netip"
)

// Bytes returns the frame, without FCS and without padding to 60 bytes.
func (f *Frame) Bytes() []byte {
	out := append([]byte{}, f.ethernet...)
	out = binary.BigEndian.AppendUint16(out, f.etherType)
	if f.src.IsValid() {
		upper := f.buildTransport()
		if f.etherType == EtherTypeIPv6 {
			out = append(out, f.buildIPv6(upper)...)
		} else {
			out = append(out, f.buildIPv4(upper)...)
		}
	} else {
		out = append(out, f.payload...)
	}
	return append(out, f.trailer...)
}

func (f *Frame) buildIPv4(upper []byte) []byte {
	h := make([]byte, 20, 60)
	h = append(h, f.options...)
	words, length := len(h)/4, len(h)+len(upper)
	if f.headerWords >= 0 {
		words = f.headerWords
	}
	if f.length >= 0 {
		length = f.length
	}
	h[0] = f.version<<4 | byte(words)
	h[1] = f.tos
	binary.BigEndian.PutUint16(h[2:], uint16(length))
	binary.BigEndian.PutUint16(h[4:], f.id)
	binary.BigEndian.PutUint16(h[6:], f.fragment)
	h[8], h[9] = f.ttl, f.protocol
	copy(h[12:], f.src.AsSlice())
	copy(h[16:], f.dst.AsSlice())
	sum := Checksum(h)
	if f.badChecksum {
		sum ^= 0x0100
	}
	binary.BigEndian.PutUint16(h[10:], sum)
	return append(h, upper...)
}

func (f *Frame) buildIPv6(upper []byte) []byte {
	next := f.protocol
	for i := len(f.extensions) - 1; i >= 0; i-- {
		e := f.extensions[i]
		length := byte((len(e.body) - 6) / 8)
		if e.header == 44 {
			length = 0 // reserved there
		}
		upper = append(append([]byte{next, length}, e.body...), upper...)
		next = e.header
	}
	length := len(upper)
	if f.length >= 0 {
		length = f.length
	}
	h := make([]byte, 40)
	binary.BigEndian.PutUint32(h, uint32(f.version)<<28|uint32(f.tos)<<20|f.flowLabel)
	binary.BigEndian.PutUint16(h[4:], uint16(length))
	h[6], h[7] = next, f.ttl
	copy(h[8:], f.src.AsSlice())
	copy(h[24:], f.dst.AsSlice())
	return append(h, upper...)
}

// buildTransport returns header and payload with the right checksum.
func (f *Frame) buildTransport() []byte {
	t := append([]byte{}, f.transport...)
	checksumAt := 0
	switch {
	case len(t) == 0:
	case f.protocol == ProtoTCP:
		t = append(t, f.tcpOptions...)
		words := len(t) / 4
		if f.dataOffset >= 0 {
			words = f.dataOffset
		}
		t[12] = byte(words) << 4
		checksumAt = 16
	case f.protocol == ProtoUDP:
		binary.BigEndian.PutUint16(t[4:], uint16(len(t)+len(f.payload)))
		checksumAt = 6
	case f.protocol == ProtoICMP || f.protocol == ProtoICMPv6:
		checksumAt = 2
	}
	t = append(t, f.payload...)
	if checksumAt == 0 || f.noChecksum {
		return t
	}
	sum := Checksum(t)
	if f.protocol != ProtoICMP {
		sum = Checksum(append(PseudoHeader(f.src, f.dst, len(t), f.protocol), t...))
	}
	if f.protocol == ProtoUDP && sum == 0 {
		sum = 0xffff // zero means that there is none
	}
	binary.BigEndian.PutUint16(t[checksumAt:], sum)
	return t
}

// PseudoHeader is RFC 8200's, for that many bytes above IP; a sum over it equals
// one over RFC 9293's. Its length is even.
func PseudoHeader(source, destination netip.Addr, length int, protocol uint8) []byte {
	p := append(source.AsSlice(), destination.AsSlice()...)
	p = binary.BigEndian.AppendUint32(p, uint32(length))
	return append(p, 0, 0, 0, protocol)
}

// Checksum is the Internet checksum of RFC 1071: 0 over bytes whose checksum
// field is right.
func Checksum(b []byte) uint16 {
	var sum uint32
	for i, x := range b {
		if i%2 == 0 {
			sum += uint32(x) << 8
		} else {
			sum += uint32(x)
		}
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
