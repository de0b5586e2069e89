// SPDX-License-Identifier: Apache-2.0

package model

import "clearway/internal/testkit"

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
	out := p.answer().MTU(room).Data(p.frame[p.at : p.at+quoted]...)
	return Result{Verdict: "tx", Reason: dropped.Reason, Out: out.Bytes()}
}

// answer goes back the way that the packet came: fragmentation needed (RFC 1191),
// or packet too big (RFC 4443), with the TOS of network control.
func (p *packet) answer() *testkit.Frame {
	out := testkit.NewFrame([6]byte(p.frame[6:12]), [6]byte(p.frame[:6]))
	if p.tagged {
		out.Tag(p.tci)
	}
	out.IP(p.dst, p.src).TOS(0xc0)
	if p.ipv6 {
		return out.ICMP(2, 0)
	}
	return out.ICMP(3, 4)
}
