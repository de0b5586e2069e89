// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/netip"

	"clearway/internal/testkit"
)

// syn has these TCP options; 5, 0xb4 is 1460 and 5, 0x50 is 1360.
func syn(options ...byte) *testkit.Frame {
	return in4().TCP(1, 2, testkit.SYN).TCPOptions(options...).Payload(7)
}

func synOut(options ...byte) *testkit.Frame {
	return out4().TCP(1, 2, testkit.SYN).TCPOptions(options...).Payload(7)
}

// same is a row of a SYN whose options are left alone.
func same(name string, options ...byte) row {
	return row{name: name, in: syn(options...), reason: "forward", out: synOut(options...)}
}

func mssRows() []row {
	return append(malformedRows(), []row{
		{name: "SYN", in: syn(2, 4, 5, 0xb4), reason: "forward", out: synOut(2, 4, 5, 0x50)},
		{name: "SYN-ACK", in: in4().TCP(1, 2, testkit.SYN|testkit.ACK).TCPOptions(2, 4, 5, 0xb4), reason: "forward", out: out4().TCP(1, 2, testkit.SYN|testkit.ACK).TCPOptions(2, 4, 5, 0x50)},
		{name: "ACK", in: in4().TCP(1, 2, testkit.ACK).TCPOptions(2, 4, 5, 0xb4), reason: "forward", out: out4().TCP(1, 2, testkit.ACK).TCPOptions(2, 4, 5, 0xb4)},
		{name: "IPv6", in: in6().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4), reason: "forward", out: out6().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0x50)},
		{name: "pushed and clamped", in: testkit.NewFrame(routerMAC(10), hostMAC(10)).IPv4("10.10.0.2", "10.16.0.2").TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4), reason: "forward",
			out: testkit.NewFrame(hostMAC(16), routerMAC(16)).Tag(6).IPv4("10.10.0.2", "10.16.0.2").TTL(63).TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0x50)},
		{name: "popped and clamped", in: testkit.NewFrame(routerMAC(15), hostMAC(15)).Tag(5).IPv6("fd00:15::2", "fd00:11::2").TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4), reason: "forward",
			out: testkit.NewFrame(hostMAC(11), routerMAC(11)).IPv6("fd00:15::2", "fd00:11::2").TTL(63).TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0x50)},
		same("equal", 2, 4, 5, 0x50),
		same("lower", 2, 4, 2, 0x18),
		same("0", 2, 4, 0, 0),
		{name: "65535", in: syn(2, 4, 0xff, 0xff), reason: "forward", out: synOut(2, 4, 5, 0x50)},
		{name: "one more", in: syn(2, 4, 5, 0x51), reason: "forward", out: synOut(2, 4, 5, 0x50)},
		{name: "behind one NOP", in: syn(1, 2, 4, 5, 0xb4), reason: "forward", out: synOut(1, 2, 4, 5, 0x50)},
		{name: "behind two NOPs", in: syn(1, 1, 2, 4, 5, 0xb4), reason: "forward", out: synOut(1, 1, 2, 4, 5, 0x50)},
		{name: "behind three NOPs", in: syn(1, 1, 1, 2, 4, 5, 0xb4), reason: "forward", out: synOut(1, 1, 1, 2, 4, 5, 0x50)},
		{name: "behind a window scale", in: syn(3, 3, 7, 2, 4, 5, 0xb4), reason: "forward", out: synOut(3, 3, 7, 2, 4, 5, 0x50)},
		{name: "behind a timestamp", in: syn(8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 5, 0xb4), reason: "forward", out: synOut(8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 5, 0x50)},
		{name: "at the last place", in: syn(append(nops(36), 2, 4, 5, 0xb4)...), reason: "forward", out: synOut(append(nops(36), 2, 4, 5, 0x50)...)},
		{name: "at the last odd place", in: syn(append(nops(35), 2, 4, 5, 0xb4, 1)...), reason: "forward", out: synOut(append(nops(35), 2, 4, 5, 0x50, 1)...)},
		{name: "of the frame's end", in: in4().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4), reason: "forward", out: out4().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0x50)},
		{name: "the first of two", in: syn(2, 4, 5, 0xb4, 2, 4, 5, 0xb4), reason: "forward", out: synOut(2, 4, 5, 0x50, 2, 4, 5, 0xb4)},
		{name: "SCTP that looks like it", in: patched(in4().Protocol(testkit.ProtoSCTP).Payload(24), 14+20+12, 0x60, testkit.SYN, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4), reason: "forward",
			out: patched(out4().Protocol(testkit.ProtoSCTP).Payload(24), 14+20+12, 0x60, testkit.SYN, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4)},
	}...)
}

func nops(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 1
	}
	return b
}

// malformedRows are left alone, but for the router's own work.
func malformedRows() []row {
	short := func(f *testkit.Frame) *testkit.Frame { return f.TCP(1, 2, testkit.SYN).DataOffset(4) }
	return []row{
		same("no options"),
		same("option of length 0", 9, 0, 2, 4, 5, 0xb4),
		same("option of length 1", 9, 1, 2, 4, 5, 0xb4),
		same("behind the end of options", 0, 2, 4, 5, 0xb4),
		same("behind an end whose next byte reads as a length", 0, 2, 2, 4, 5, 0xb4),
		same("MSS of length 3", 2, 3, 5, 0xb4),
		same("MSS of length 5", 2, 5, 5, 0xb4, 1),
		same("MSS of length 2, then a right one", 2, 2, 2, 4, 5, 0xb4),
		same("option that leads beyond the area", 9, 30, 1, 1, 2, 4, 5, 0xb4),
		same("option of length 255", 9, 255, 2, 4, 5, 0xb4),
		same("MSS cut by the area", 1, 1, 1, 1, 1, 2, 4, 5),
		{name: "data offset below the header", in: short(in4()).TCPOptions(2, 4, 5, 0xb4), reason: "forward", out: short(out4()).TCPOptions(2, 4, 5, 0xb4)},
		{name: "data offset 0", in: in4().TCP(1, 2, testkit.SYN).DataOffset(0).TCPOptions(2, 4, 5, 0xb4), reason: "forward",
			out: out4().TCP(1, 2, testkit.SYN).DataOffset(0).TCPOptions(2, 4, 5, 0xb4)},
		{name: "data offset beyond the packet", in: in4().TCP(1, 2, testkit.SYN).DataOffset(7).TCPOptions(2, 4, 5, 0xb4), reason: "forward",
			out: out4().TCP(1, 2, testkit.SYN).DataOffset(7).TCPOptions(2, 4, 5, 0xb4)},
		{name: "options in the trailer", in: in4().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4).Length(42), reason: "forward",
			out: out4().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4).Length(42)},
		{name: "header in the trailer", in: in4().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4).Length(38), reason: "forward",
			out: out4().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4).Length(38)},
		{name: "TCP header cut by the packet", in: in4().Protocol(testkit.ProtoTCP).Payload(16), reason: "forward", out: out4().Protocol(testkit.ProtoTCP).Payload(16)},
	}
}

// chooseRules are rules of which several match.
func chooseRules(s *State) {
	eth1, vlan6 := l3Named(s, "eth1").Ifindex, l3Named(s, "vlan6").Ifindex
	prefix := netip.MustParsePrefix
	s.MSS = []MSSRule{
		{MSS: 1400},
		{MSS: 1390, Egress: eth1},
		{MSS: 1380, Egress: vlan6},
		{MSS: 1385, Egress: vlan6},
		{MSS: 1430, Prefix: prefix("10.205.0.0/16")},
		{MSS: 1420, Prefix: prefix("10.205.1.0/24")},
		{MSS: 1425, Prefix: prefix("10.205.1.0/24"), Egress: eth1},
		{MSS: 1410, Prefix: prefix("10.205.2.0/24"), Egress: vlan6},
		{MSS: 1330, Prefix: prefix("10.10.1.0/24")},
		{MSS: 1305, Prefix: prefix("10.10.0.128/25")},
		{MSS: 1300, Prefix: prefix("10.205.3.0/25")},
		{MSS: 1350, Prefix: prefix("fd00:205::/32")},
	}
}

// clamped is a SYN with 1460 that leaves by eth1 with another value.
func clamped(from, to string, mss uint16) row {
	segment := func(f *testkit.Frame, mss uint16) *testkit.Frame {
		return f.TCP(1, 2, testkit.SYN).TCPOptions(2, 4, byte(mss>>8), byte(mss))
	}
	return row{name: from + " to " + to, in: segment(between(from, to), 1460), reason: "forward",
		out: segment(betweenOut(from, to), mss)}
}

func chosenRows() []row {
	onVLAN := func(n byte, vid uint16, to string, mss byte) row {
		return row{name: "to " + to,
			in: testkit.NewFrame(routerMAC(10), hostMAC(10)).IPv4("10.10.0.2", to).TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 0xb4), reason: "forward",
			out: testkit.NewFrame(hostMAC(n), routerMAC(n)).Tag(vid).IPv4("10.10.0.2", to).TTL(63).TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, mss)}
	}
	return []row{
		clamped("10.10.0.2", "10.11.0.2", 1390),    // egress before none
		clamped("fd00:10::2", "fd00:11::2", 1390),  // in both families
		onVLAN(15, 5, "10.15.0.2", 0x78),           // 1400: no other
		onVLAN(16, 6, "10.16.0.2", 0x64),           // 1380: the lower
		clamped("10.10.0.2", "10.205.0.1", 1430),   // prefix before egress, even if higher
		clamped("10.10.0.2", "10.205.1.1", 1425),   // with egress before the lower
		clamped("10.10.0.2", "10.205.2.1", 1430),   // its egress is another: the next shorter
		clamped("10.10.0.200", "10.205.1.1", 1305), // the source's is longer
		clamped("10.10.0.200", "10.205.3.1", 1300), // as long: the lower
		clamped("10.10.1.2", "10.205.1.1", 1425),   // as long: with egress
		clamped("10.10.0.200", "10.11.0.2", 1305),  // the source's only
		clamped("fd00:10::2", "fd00:205::1", 1350), // IPv6
	}
}
