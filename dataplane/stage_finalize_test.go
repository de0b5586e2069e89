// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"testing"

	"clearway/internal/testkit"
)

func TestStageFinalize(t *testing.T) { runRows(t, "finalize", finalizeGroups()) }

func finalizeGroups() []group {
	return []group{
		{name: "tags", rows: tagRows()},
		{name: "length", rows: lengthRows()},
		{name: "checksum", rows: checksumRows()},
		{name: "MSS", change: func(s *State) { s.MSS = []MSSRule{{MSS: 1360}} }, rows: mssRows()},
		{name: "no MSS rule", rows: []row{
			{name: "SYN", in: syn(2, 4, 5, 0xb4), reason: "forward", out: synOut(2, 4, 5, 0xb4)},
		}},
		{name: "MSS rules", change: chooseRules, rows: chosenRows()},
		{name: "MSS rule of no bits", change: func(s *State) {
			s.MSS = []MSSRule{{MSS: 1400, Egress: l3Named(s, "eth1").Ifindex}, {MSS: 1410, Prefix: netip.MustParsePrefix("0.0.0.0/0")}}
		}, rows: []row{clamped("10.10.0.2", "10.11.0.2", 1410), clamped("fd00:10::2", "fd00:11::2", 1400)}},
	}
}

// frameIn is a datagram that comes in from host n, tagged unless tci is 0.
func frameIn(n byte, tci uint16, from, to string, size int) *testkit.Frame {
	return tagIf(testkit.NewFrame(routerMAC(n), hostMAC(n)), tci).IPv4(from, to).UDP(1, 2).Payload(size)
}

// frameOut is one that goes out to host n.
func frameOut(n byte, tci uint16, from, to string, size int) *testkit.Frame {
	return tagIf(testkit.NewFrame(hostMAC(n), routerMAC(n)), tci).IPv4(from, to).TTL(63).UDP(1, 2).Payload(size)
}

// tagIf adds a tag unless the TCI is 0.
func tagIf(f *testkit.Frame, tci uint16) *testkit.Frame {
	if tci == 0 {
		return f
	}
	return f.Tag(tci)
}

func tagRows() []row {
	const a0, a1, a5, a6 = "10.10.0.2", "10.11.0.2", "10.15.0.2", "10.16.0.2"
	const b0, b1, b5, b6 = "fd00:10::2", "fd00:11::2", "fd00:15::2", "fd00:16::2"
	return []row{
		{name: "untagged to untagged", in: frameIn(10, 0, a0, a1, 40), reason: "forward", out: frameOut(11, 0, a0, a1, 40)},
		{name: "push", in: frameIn(10, 0, a0, a6, 40), reason: "forward", out: frameOut(16, 6, a0, a6, 40)},
		{name: "push in IPv6", in: frameIn(10, 0, b0, b6, 40), reason: "forward", out: frameOut(16, 6, b0, b6, 40)},
		{name: "pop", in: frameIn(15, 5, a5, a1, 40), reason: "forward", out: frameOut(11, 0, a5, a1, 40)},
		{name: "pop in IPv6", in: frameIn(15, 5, b5, b1, 40), reason: "forward", out: frameOut(11, 0, b5, b1, 40)},
		{name: "pop with PCP and DEI", in: frameIn(15, 0xf005, a5, a1, 40), reason: "forward", out: frameOut(11, 0, a5, a1, 40)},
		{name: "rewrite", in: frameIn(15, 5, a5, a6, 40), reason: "forward", out: frameOut(16, 6, a5, a6, 40)},
		{name: "rewrite in IPv6", in: frameIn(15, 5, b5, b6, 40), reason: "forward", out: frameOut(16, 6, b5, b6, 40)},
		{name: "rewrite keeps PCP", in: frameIn(15, 0xa005, a5, a6, 40), reason: "forward", out: frameOut(16, 0xa006, a5, a6, 40)},
		{name: "rewrite keeps DEI", in: frameIn(15, 0x1005, a5, a6, 40), reason: "forward", out: frameOut(16, 0x1006, a5, a6, 40)},
		{name: "push keeps the PCP of VID 0", in: frameIn(10, 0xe000, a0, a6, 40), reason: "forward", out: frameOut(16, 0xe006, a0, a6, 40)},
		{name: "pop of VID 0", in: frameIn(10, 0xe000, a0, a1, 40), reason: "forward", out: frameOut(11, 0, a0, a1, 40)},
		{name: "to a VLAN of a generic port's frame", port: "eth2", in: frameIn(12, 0, "10.12.0.2", a6, 40), reason: "forward", out: frameOut(16, 6, "10.12.0.2", a6, 40)},
		{name: "largest", in: frameIn(15, 5, a5, a6, 1472), reason: "forward", out: frameOut(16, 6, a5, a6, 1472)},
	}
}

// padded adds n zeros.
func padded(f frame, n int) raw { return append(raw(f.Bytes()), make([]byte, n)...) }

// lengthRows: 12 bytes of payload make an untagged frame of 54 bytes.
func lengthRows() []row {
	const a0, a1, a5, a6 = "10.10.0.2", "10.11.0.2", "10.15.0.2", "10.16.0.2"
	return []row{
		{name: "short as it came", in: frameIn(10, 0, a0, a1, 12), reason: "forward", out: frameOut(11, 0, a0, a1, 12)},
		{name: "trailer within 60 stays", in: frameIn(10, 0, a0, a1, 12).Trailer(6), reason: "forward", out: frameOut(11, 0, a0, a1, 12).Trailer(6)},
		{name: "trailer above 60 goes", in: frameIn(10, 0, a0, a1, 12).Trailer(7), reason: "forward", out: frameOut(11, 0, a0, a1, 12).Trailer(6)},
		{name: "long trailer", in: frameIn(10, 0, a0, a1, 12).Trailer(900), reason: "forward", out: frameOut(11, 0, a0, a1, 12).Trailer(6)},
		{name: "trailer of a long packet", in: frameIn(10, 0, a0, a1, 100).Trailer(1), reason: "forward", out: frameOut(11, 0, a0, a1, 100)},
		{name: "push of a short frame", in: frameIn(10, 0, a0, a6, 12), reason: "forward", out: frameOut(16, 6, a0, a6, 12)},
		{name: "push trims to 60 before the tag", in: frameIn(10, 0, a0, a6, 12).Trailer(20), reason: "forward", out: frameOut(16, 6, a0, a6, 12).Trailer(6)},
		{name: "push of a long packet with trailer", in: frameIn(10, 0, a0, a6, 100).Trailer(20), reason: "forward", out: frameOut(16, 6, a0, a6, 100)},
		{name: "rewrite trims to 60 with the tag", in: frameIn(15, 5, a5, a6, 12).Trailer(20), reason: "forward", out: frameOut(16, 6, a5, a6, 12).Trailer(2)},
		{name: "pop pads to 60", in: frameIn(15, 5, a5, a1, 12), reason: "forward", out: padded(frameOut(11, 0, a5, a1, 12), 6)},
		{name: "pop keeps a trailer and pads it", in: frameIn(15, 5, a5, a1, 12).Trailer(2), reason: "forward", out: padded(frameOut(11, 0, a5, a1, 12).Trailer(2), 4)},
		{name: "pop of a frame that needs no padding", in: frameIn(15, 5, a5, a1, 18), reason: "forward", out: frameOut(11, 0, a5, a1, 18)},
		{name: "pop trims to 60 behind it", in: frameIn(15, 5, a5, a1, 12).Trailer(30), reason: "forward", out: frameOut(11, 0, a5, a1, 12).Trailer(6)},
		{name: "pop of a long packet with trailer", in: frameIn(15, 5, a5, a1, 100).Trailer(30), reason: "forward", out: frameOut(11, 0, a5, a1, 100)},
		{name: "pop of IPv6", in: testkit.NewFrame(routerMAC(15), hostMAC(15)).Tag(5).IPv6("fd00:15::2", "fd00:11::2").Protocol(59).Payload(1), reason: "forward",
			out: padded(testkit.NewFrame(hostMAC(11), routerMAC(11)).IPv6("fd00:15::2", "fd00:11::2").TTL(63).Protocol(59).Payload(1), 5)},
	}
}

// checksumRows choose the ID so that the header checksum becomes what is interesting.
func checksumRows() []row {
	rows := []row{}
	for _, check := range []uint16{0x0000, 0x0001, 0xfeff, 0xfefe, 0xff00, 0xfffe, 0x00ff, 0x0100} {
		id := idFor(check)
		rows = append(rows, row{name: hex16(check), in: in4().ID(id).UDP(1, 2).Payload(30), reason: "forward", out: out4().ID(id).UDP(1, 2).Payload(30)})
	}
	// 0xffff is as right as 0 where the sum is that: Linux takes it, and what it makes of it.
	id := idFor(0)
	return append(rows, row{name: "0xffff for 0", in: patched(in4().ID(id).UDP(1, 2).Payload(30), 14+10, 0xff, 0xff), reason: "forward",
		out: out4().ID(id).UDP(1, 2).Payload(30)})
}

func hex16(n uint16) string { return fmt.Sprintf("%#04x", n) }

// idFor finds the ID with which in4 has a header checksum.
func idFor(check uint16) uint16 {
	header := in4().UDP(1, 2).Payload(30).Bytes()[14:34]
	header[10], header[11] = 0, 0
	for id := range 1 << 16 {
		header[4], header[5] = byte(id>>8), byte(id)
		if testkit.Checksum(header) == check {
			return uint16(id)
		}
	}
	panic("no ID gives header checksum " + hex16(check))
}
