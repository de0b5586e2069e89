// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"

	"clearway/internal/testkit"
)

// minimum length of an Ethernet frame without FCS.
const minimum = 60

// rewrite builds the frame that leaves the forward lane.
func (m *Model) rewrite(p *packet) []byte {
	out := m.routed(p)
	at := 14
	if p.egress.VID != 0 {
		at = 18
	}
	if mss := m.mss(p); mss != 0 && p.protocol == testkit.ProtoTCP {
		clamp(out[at : at+p.length][p.headerLength():], p.linear-p.at-p.headerLength(), mss)
	}
	return out
}

// start is the Ethernet header to the next hop. PCP and DEI stay.
func (p *packet) start() *testkit.Frame {
	f := testkit.NewFrame(p.hop.DMAC, p.hop.SMAC)
	if p.egress.VID != 0 {
		f.Tag(p.tci&0xf000 | p.egress.VID)
	}
	return f
}

// routed is the frame, one hop on.
func (m *Model) routed(p *packet) []byte {
	out := p.start().EtherType(p.word(p.at - 2)).Data(p.frame[p.at:]...).Bytes()
	header := len(out) - len(p.frame) + p.at
	hop(out[header:header+p.length], p.ipv6)
	return resize(out, header+p.length, p.tagged, p.egress.VID != 0)
}

// resize cuts what follows the packet, but not below the minimum: of the frame
// that came in where a tag was pushed, else of the one that leaves. It fills up
// to the minimum with zeros a frame that lost its tag.
func resize(out []byte, length int, tagged, tag bool) []byte {
	least := minimum
	if tag && !tagged {
		least += 4
	}
	if length = max(length, least); len(out) > length {
		return out[:length]
	}
	for tagged && !tag && len(out) < minimum {
		out = append(out, 0)
	}
	return out
}

// hop counts the router, as ip_decrease_ttl in include/net/ip.h does: the
// checksum that comes out is never 0xffff.
func hop(packet []byte, ipv6 bool) {
	if ipv6 {
		packet[7]--
		return
	}
	packet[8]--
	sum := uint32(binary.BigEndian.Uint16(packet[10:])) + 0x0100
	if sum >= 0xffff {
		sum++
	}
	binary.BigEndian.PutUint16(packet[10:], uint16(sum))
}
