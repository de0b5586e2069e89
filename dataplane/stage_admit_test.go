// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"testing"

	"clearway/internal/testkit"
)

func TestStageAdmit(t *testing.T) { runRows(t, "admit", admitGroups()) }

func admitGroups() []group {
	return []group{
		{name: "kinds", rows: kindRows()},
		{name: "addresses", rows: addressRows()},
		{name: "classes", rows: classRows()},
		{name: "order", rows: orderRows()},
		{name: "dry run", change: func(s *State) { s.Options.DryRun = true }, rows: []row{
			{name: "block", in: udpTo("10.205.66.1"), reason: "dry_run_block"},
			{name: "block in IPv6", in: udpTo("fd00:205:66::1"), reason: "dry_run_block"},
		}},
		{name: "policy in IPv4", change: func(s *State) { s.Options.Policy4 = true }, rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "pass_policy"},
			{name: "IPv6", in: udpTo("fd00:11::2"), reason: "forward", out: udpOut("fd00:11::2")},
			{name: "the exception first", in: udpTo("10.205.77.1"), reason: "pass_exception"},
		}},
		{name: "policy in IPv6", change: func(s *State) { s.Options.Policy6 = true }, rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
			{name: "IPv6", in: udpTo("fd00:11::2"), reason: "pass_policy"},
		}},
		{name: "nothing allowed", change: func(s *State) { s.Classes = map[netip.Prefix]Class{} }, rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "pass_no_match"},
			{name: "IPv6", in: udpTo("fd00:11::2"), reason: "pass_no_match"},
		}},
	}
}

// TestStageAdmitHeader checks the reasons that admit shares with the stages before.
func TestStageAdmitHeader(t *testing.T) {
	rows := []row{
		{name: "router alert", in: in4().Options(148, 4, 0, 0).UDP(1, 2), reason: "pass_header"},
		{name: "no operation", in: in4().Options(1, 1, 1, 1).UDP(1, 2), reason: "pass_header"},
		{name: "options whose checksum is wrong", in: in4().Options(1, 1, 1, 1).UDP(1, 2).BadChecksum(), reason: "pass_header"},
		{name: "options of a fragment", in: in4().Fragment(0x2000).Options(1, 1, 1, 1).UDP(1, 2), reason: "pass_header"},
	}
	for _, n := range []uint8{0, 43, 50, 51, 60, 135, 139, 140, 253, 254} {
		rows = append(rows, row{name: fmt.Sprintf("next header %d", n),
			in: in6().Extension(n, make([]byte, 6)).UDP(1, 2), reason: "pass_header"})
	}
	rows = append(rows, row{name: "UDP ports in the trailer", in: in4().Protocol(testkit.ProtoUDP).Payload(3).Trailer(30), reason: "pass_truncated"})
	runRows(t, "admit", []group{{name: "rows", rows: rows}})
}

// udpTo is a datagram from the host behind eth0.
func udpTo(to string) *testkit.Frame {
	return between(map[bool]string{true: "10.10.0.2", false: "fd00:10::2"}[netip.MustParseAddr(to).Is4()], to)
}

func between(from, to string) *testkit.Frame {
	return testkit.NewFrame(routerMAC(10), hostMAC(10)).IPv4(from, to).UDP(1, 2).Payload(30)
}

// udpOut is what becomes of udpTo when it leaves by eth1.
func udpOut(to string) *testkit.Frame {
	return betweenOut(map[bool]string{true: "10.10.0.2", false: "fd00:10::2"}[netip.MustParseAddr(to).Is4()], to)
}

func betweenOut(from, to string) *testkit.Frame {
	return testkit.NewFrame(hostMAC(11), routerMAC(11)).IPv4(from, to).TTL(63).UDP(1, 2).Payload(30)
}

func kindRows() []row {
	rows := []row{
		{name: "first fragment", in: in4().Fragment(0x2000).UDP(1, 2), reason: "pass_fragment"},
		{name: "middle fragment", in: in4().Fragment(0x2100).UDP(1, 2), reason: "pass_fragment"},
		{name: "last fragment", in: in4().Fragment(1).UDP(1, 2), reason: "pass_fragment"},
		{name: "a fragment shorter than ports", in: in4().Fragment(0x1fff).Protocol(17).Payload(1), reason: "pass_fragment"},
		{name: "fragment header", in: in6().Fragment(1).UDP(1, 2), reason: "pass_fragment"},
		{name: "atomic fragment", in: in6().Fragment(0).UDP(1, 2), reason: "pass_fragment"},
		{name: "don't fragment", in: in4().Fragment(0x4000).UDP(1, 2), reason: "forward", out: out4().Fragment(0x4000).UDP(1, 2)},
		{name: "the reserved bit", in: in4().Fragment(0x8000).UDP(1, 2), reason: "forward", out: out4().Fragment(0x8000).UDP(1, 2)},
		{name: "no next header", in: in6().Protocol(59).Payload(8), reason: "forward", out: out6().Protocol(59).Payload(8)},
		{name: "ESP in IPv4", in: in4().Protocol(50).Payload(40), reason: "forward", out: out4().Protocol(50).Payload(40)},
	}
	for kind := uint8(132); kind <= 138; kind++ {
		r := row{name: fmt.Sprintf("ICMPv6 type %d", kind), in: in6().ICMP(kind, 0), reason: "pass_ndp"}
		if kind < 133 || kind > 137 {
			r.reason, r.out = "forward", out6().ICMP(kind, 0)
		}
		rows = append(rows, r)
	}
	return append(rows, row{name: "ICMP type 133", in: in4().ICMP(133, 0), reason: "forward", out: out4().ICMP(133, 0)})
}

// addressRows have every martian as source and as destination, its first and
// last address, and the neighbours of those where they may be allowed.
func addressRows() []row {
	var rows []row
	for _, a := range []string{"0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.255.255",
		"224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.255"} {
		rows = append(rows,
			row{name: "from " + a, in: between(a, "10.11.0.2"), reason: "pass_address"},
			row{name: "to " + a, in: between("10.10.0.2", a), reason: "pass_address"})
	}
	for _, a := range []string{"::", "::1", "fe80::1", "febf:ffff::1", "ff00::", "ff02::1", "ffff::1", "::ffff:0.0.0.0", "::ffff:10.10.0.2"} {
		rows = append(rows,
			row{name: "from " + a, in: between(a, "fd00:11::2"), reason: "pass_address"},
			row{name: "to " + a, in: between("fd00:10::2", a), reason: "pass_address"})
	}
	for _, a := range []string{"1.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255"} {
		rows = append(rows, row{name: "from " + a, in: between(a, "10.11.0.2"), reason: "forward", out: betweenOut(a, "10.11.0.2")})
	}
	for _, a := range []string{"::2", "fe7f::1", "fec0::1", "feff::1", "::fffe:a0a:2"} {
		rows = append(rows, row{name: "from " + a, in: between(a, "fd00:11::2"), reason: "forward", out: betweenOut(a, "fd00:11::2")})
	}
	return append(rows,
		row{name: "from this router", in: between("10.11.0.1", "10.11.0.2"), reason: "pass_address"},
		row{name: "from this router in IPv6", in: between("fd00:16::1", "fd00:11::2"), reason: "pass_address"},
		row{name: "to this router", in: udpTo("10.10.0.1"), reason: "pass_local"},
		row{name: "to another address of this router", in: udpTo("10.16.0.1"), reason: "pass_local"},
		row{name: "to this router in IPv6", in: udpTo("fd00:11::1"), reason: "pass_local"},
		row{name: "to itself", in: between("10.10.0.1", "10.10.0.1"), reason: "pass_address"},
	)
}

func classRows() []row {
	const outside4, outside6 = "198.51.100.7", "2001:db8::7"
	return []row{
		{name: "source allowed", in: udpTo(outside4), reason: "forward", out: udpOut(outside4)},
		{name: "destination allowed", in: between(outside4, "10.11.0.2"), reason: "forward", out: betweenOut(outside4, "10.11.0.2")},
		{name: "destination allowed in IPv6", in: between(outside6, "fd00:11::2"), reason: "forward", out: betweenOut(outside6, "fd00:11::2")},
		{name: "neither allowed", in: between(outside4, "198.51.100.9"), reason: "pass_no_match"},
		{name: "neither allowed in IPv6", in: between(outside6, "2001:db8::9"), reason: "pass_no_match"},
		{name: "just outside of IPv6", in: between("fd01::", "2001:db8::9"), reason: "pass_no_match"},
		{name: "to a block", in: udpTo("10.205.66.0"), reason: "drop_blocked"},
		{name: "to the end of a block", in: udpTo("10.205.66.255"), reason: "drop_blocked"},
		{name: "to a block in IPv6", in: udpTo("fd00:205:66:ffff::"), reason: "drop_blocked"},
		{name: "before a block", in: udpTo("10.205.65.255"), reason: "forward", out: udpOut("10.205.65.255")},
		{name: "behind a block", in: udpTo("10.205.67.0"), reason: "forward", out: udpOut("10.205.67.0")},
		{name: "from a block", in: between("10.205.66.1", "10.11.0.2"), reason: "forward", out: betweenOut("10.205.66.1", "10.11.0.2")},
		{name: "an exception", in: udpTo("10.205.77.9"), reason: "pass_exception"},
		{name: "an exception in IPv6", in: udpTo("fd00:205:77::9"), reason: "pass_exception"},
		{name: "none within it", in: udpTo("10.205.77.8"), reason: "forward", out: udpOut("10.205.77.8")},
		{name: "from an exception", in: between("10.205.77.9", "10.11.0.2"), reason: "forward", out: betweenOut("10.205.77.9", "10.11.0.2")},
		{name: "TTL 0", in: udpTo("10.11.0.2").TTL(0), reason: "pass_ttl"},
		{name: "TTL 1", in: udpTo("10.11.0.2").TTL(1), reason: "pass_ttl"},
		{name: "TTL 2", in: udpTo("10.11.0.2").TTL(2), reason: "forward", out: udpOut("10.11.0.2").TTL(1)},
		{name: "hop limit 0", in: udpTo("fd00:11::2").TTL(0), reason: "pass_ttl"},
		{name: "hop limit 1", in: udpTo("fd00:11::2").TTL(1), reason: "pass_ttl"},
		{name: "hop limit 2", in: udpTo("fd00:11::2").TTL(2), reason: "forward", out: udpOut("fd00:11::2").TTL(1)},
	}
}

// orderRows break two rules at once: the one that is checked first decides.
func orderRows() []row {
	return []row{
		{name: "fragment before address", in: between("127.0.0.1", "10.11.0.2").Fragment(0x2000), reason: "pass_fragment"},
		{name: "discovery before address", in: testkit.NewFrame(routerMAC(10), hostMAC(10)).IPv6("fe80::1", "ff02::1").ICMP(135, 0), reason: "pass_ndp"},
		{name: "discovery before the hop limit", in: in6().ICMP(135, 0).TTL(1), reason: "pass_ndp"},
		{name: "address before local", in: between("127.0.0.1", "10.10.0.1"), reason: "pass_address"},
		{name: "local before TTL", in: udpTo("10.10.0.1").TTL(1), reason: "pass_local"},
		{name: "TTL before match", in: between("198.51.100.7", "198.51.100.9").TTL(1), reason: "pass_ttl"},
		{name: "TTL before block", in: udpTo("10.205.66.1").TTL(1), reason: "pass_ttl"},
		{name: "an exception before a route that drops", in: udpTo("10.205.77.9"), reason: "pass_exception"},
	}
}
