// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"

	"clearway/internal/testkit"
)

// How much of a packet an answer quotes: header and ports (RFC 792), or all that
// fits into the least MTU of IPv6 (RFC 4443, section 2.4).
const (
	quoted4 = 28
	quoted6 = 1280 - 40 - 8
)

// tooBig drops a packet that the way to its backend has no room for, and answers
// the sender with how much there is: not if it is an ICMP error or a fragment
// (RFC 1812, section 4.3.2.7), and only if what is quoted is there.
func (m *Model) tooBig(p *packet, f flow, room int) Result {
	dropped := Result{Reason: "drop_too_big"}
	quoted := quoted4
	if p.ipv6 {
		quoted = quoted6
	}
	if f.fragment || f.quoted || p.length < quoted {
		return dropped
	}
	if m.NoFinalize {
		return Result{Reason: "drop_no_finalize"}
	}
	if p.linear < p.at+quoted {
		return dropped
	}
	packet := p.frame[p.at : p.at+quoted]
	out := append(append([]byte{}, p.frame[6:12]...), p.frame[:6]...)
	out = append(out, p.frame[12:p.at]...) // tag and ethertype
	if p.ipv6 {
		out = append(out, p.answer6(packet, room)...)
	} else {
		out = append(out, p.answer4(packet, room)...)
	}
	return Result{Verdict: "tx", Reason: dropped.Reason, Out: out}
}

// answer4 is fragmentation needed (RFC 1191), with the TOS of network control.
func (p *packet) answer4(packet []byte, room int) []byte {
	message := binary.BigEndian.AppendUint16([]byte{3, 4, 0, 0, 0, 0}, uint16(room))
	message = append(message, packet...)
	binary.BigEndian.PutUint16(message[2:], testkit.Checksum(message))
	h := binary.BigEndian.AppendUint16([]byte{0x45, 0xc0}, uint16(20+len(message)))
	h = append(h, 0, 0, 0, 0, 64, testkit.ProtoICMP, 0, 0)
	h = append(append(h, p.dst.AsSlice()...), p.src.AsSlice()...)
	binary.BigEndian.PutUint16(h[10:], testkit.Checksum(h))
	return append(h, message...)
}

// answer6 is packet too big (RFC 4443).
func (p *packet) answer6(packet []byte, room int) []byte {
	message := binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0}, uint32(room))
	message = append(message, packet...)
	pseudo := pseudoHeader(p.dst, p.src, len(message), testkit.ProtoICMPv6)
	binary.BigEndian.PutUint16(message[2:], testkit.Checksum(append(pseudo, message...)))
	h := binary.BigEndian.AppendUint16([]byte{0x6c, 0, 0, 0}, uint16(len(message)))
	h = append(h, testkit.ProtoICMPv6, 64)
	h = append(append(h, p.dst.AsSlice()...), p.src.AsSlice()...)
	return append(h, message...)
}
