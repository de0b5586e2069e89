// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net/netip"
	"testing"

	"clearway/dataplane"
)

// classify adds classes to those of the router.
func classify(class dataplane.Class, prefixes ...string) func(*Model) {
	return func(m *Model) {
		for _, p := range prefixes {
			m.State.Classes[netip.MustParsePrefix(p)] |= class
		}
	}
}

func all(edits ...func(*Model)) func(*Model) {
	return func(m *Model) {
		for _, edit := range edits {
			edit(m)
		}
	}
}

func dryRun(m *Model) { m.State.Options.DryRun = true }

func TestAdmitHeaders(t *testing.T) {
	rows := []row{
		{"IPv4 options", udp4().Options(148, 4, 0, 0).Bytes(), nil, "pass_header"},
		{"options before fragment", udp4().Options(148, 4, 0, 0).Fragment(0x2000).Bytes(), nil, "pass_header"},
		{"don't fragment", udp4().Fragment(0x4000).Bytes(), nil, "forward"},
		{"reserved bit", udp4().Fragment(0x8000).Bytes(), nil, "forward"},
		{"first fragment", udp4().Fragment(0x2000).Bytes(), nil, "pass_fragment"},
		{"last fragment", udp4().Fragment(0x1fff).Bytes(), nil, "pass_fragment"},
		{"IPv6 fragment", udp6().Fragment(0).Bytes(), nil, "pass_fragment"},
		{"IPv4 protocol 44", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(44).Bytes(), nil, "forward"},
		{"IPv4 protocol 50", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(50).Bytes(), nil, "forward"},
		{"IPv4 protocol 58", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(58).Payload(1).Bytes(), nil, "forward"},
		{"IPv6 in IPv6", to0().IPv6("2001:db8:1::5", "2001:db8:3::7").Protocol(41).Payload(1).Bytes(), nil, "forward"},
		{"no next header", to0().IPv6("2001:db8:1::5", "2001:db8:3::7").Protocol(59).Payload(1).Bytes(), nil, "forward"},
	}
	for _, header := range []uint8{0, 43, 50, 51, 60, 135, 139, 140, 253, 254} {
		frame := udp6().Extension(header, make([]byte, 6)).Bytes()
		rows = append(rows, row{fmt.Sprintf("extension %d", header), frame, nil, "pass_header"})
	}
	for kind, want := range map[uint8]string{
		132: "forward", 133: "pass_ndp", 134: "pass_ndp", 135: "pass_ndp", 136: "pass_ndp", 137: "pass_ndp", 138: "forward",
	} {
		frame := to0().IPv6("2001:db8:1::5", "2001:db8:3::7").ICMP(kind, 0).Bytes()
		rows = append(rows, row{fmt.Sprintf("ICMPv6 %d", kind), frame, nil, want})
		frame = to0().IPv4("10.1.0.5", "10.3.0.7").ICMP(kind, 0).Bytes()
		rows = append(rows, row{fmt.Sprintf("ICMP %d", kind), frame, nil, "forward"})
	}
	runRows(t, rows)
}

func TestAdmitAddresses(t *testing.T) {
	const good4, good6 = "10.3.0.7", "2001:db8:3::7"
	frame := func(source, destination string) []byte {
		return to0().IP(netip.MustParseAddr(source), netip.MustParseAddr(destination)).UDP(7, 9).Bytes()
	}
	rows := []row{
		{"own address as source", frame("10.1.0.1", good4), nil, "pass_address"},
		{"own IPv6 address as source", frame("2001:db8:3::1", good6), nil, "pass_address"},
		{"local", frame("10.1.0.5", "10.3.0.1"), nil, "pass_local"},
		{"IPv6 local", frame("2001:db8:1::5", "2001:db8:4::1"), nil, "pass_local"},
		{"address before local", frame("127.0.0.1", "10.3.0.1"), nil, "pass_address"},
		{"local before TTL", to0().IPv4("10.1.0.5", "10.3.0.1").TTL(1).UDP(7, 9).Bytes(), nil, "pass_local"},
		{"discovery before address", to0().IPv6("fe80::1", "ff02::1").ICMP(135, 0).Bytes(), nil, "pass_ndp"},
	}
	for _, a := range []string{"0.1.2.3", "127.0.0.1", "169.254.3.4", "224.0.0.5", "255.255.255.255", "240.0.0.1"} {
		rows = append(rows,
			row{"from " + a, frame(a, good4), nil, "pass_address"},
			row{"to " + a, frame("10.1.0.5", a), nil, "pass_address"})
	}
	for _, a := range []string{"::", "::1", "fe80::7", "febf::1", "ff0e::1", "::ffff:10.3.0.7"} {
		rows = append(rows,
			row{"from " + a, frame(a, good6), nil, "pass_address"},
			row{"to " + a, frame("2001:db8:1::5", a), nil, "pass_address"})
	}
	for _, a := range []string{"1.0.0.1", "126.255.255.255", "169.253.0.1", "223.255.255.255"} {
		rows = append(rows, row{"from " + a, frame(a, good4), nil, "forward"})
	}
	for _, a := range []string{"::2", "fec0::1", "feff::1", "::fffe:10.3.0.7"} {
		rows = append(rows, row{"from " + a, frame(a, good6), nil, "forward"})
	}
	runRows(t, rows)
}

func TestAdmitLists(t *testing.T) {
	stranger4 := to0().IPv4("198.51.100.1", "203.0.113.9").UDP(7, 9)
	stranger6 := to0().IPv6("2001:db8:ff::1", "2001:db8:ff::2").UDP(7, 9)
	runRows(t, []row{
		{"TTL 2", udp4().TTL(2).Bytes(), nil, "forward"},
		{"TTL 1", udp4().TTL(1).Bytes(), nil, "pass_ttl"},
		{"TTL 0", udp4().TTL(0).Bytes(), nil, "pass_ttl"},
		{"hop limit 1", udp6().TTL(1).Bytes(), nil, "pass_ttl"},
		{"TTL before no match", stranger4.TTL(1).Bytes(), nil, "pass_ttl"},
		{"neither end allowed", stranger4.TTL(9).Bytes(), nil, "pass_no_match"},
		{"IPv6 neither end allowed", stranger6.Bytes(), nil, "pass_no_match"},
		{"all is allowed", stranger4.Bytes(), classify(dataplane.Allow, "0.0.0.0/0"), "forward"},
		{"allow is of a family", stranger4.Bytes(), classify(dataplane.Allow, "::/0"), "pass_no_match"},
		{"source allowed", stranger4.Bytes(), classify(dataplane.Allow, "198.51.100.1/32"), "forward"},
		{"destination allowed", stranger4.Bytes(), classify(dataplane.Allow, "203.0.113.0/29", "203.0.113.8/29"), "forward"},
		{"destination blocked", udp4().Bytes(), classify(dataplane.Block, "10.3.0.0/25"), "drop_blocked"},
		{"IPv6 destination blocked", udp6().Bytes(), classify(dataplane.Block, "2001:db8:3::/48"), "drop_blocked"},
		{"source blocked", udp4().Bytes(), classify(dataplane.Block, "10.1.0.0/16"), "forward"},
		{"block is for what matches", stranger4.Bytes(), classify(dataplane.Block, "203.0.113.0/24"), "pass_no_match"},
		{"a longer allow opens no block", udp4().Bytes(), all(classify(dataplane.Block, "10.3.0.0/16"), classify(dataplane.Allow, "10.3.0.7/32")), "drop_blocked"},
		{"blocked in dry run", udp4().Bytes(), all(dryRun, classify(dataplane.Block, "10.3.0.7/32")), "dry_run_block"},
		{"block before exception", udp4().Bytes(), classify(dataplane.Block|dataplane.Exception, "10.3.0.7/32"), "drop_blocked"},
		{"exception", udp4().Bytes(), classify(dataplane.Exception, "10.0.0.0/8"), "pass_exception"},
		{"IPv6 exception", udp6().Bytes(), classify(dataplane.Exception, "2001:db8:3::7/128"), "pass_exception"},
		{"exception of the source", udp4().Bytes(), classify(dataplane.Exception, "10.1.0.5/32"), "forward"},
		{"a longer route without", udp4().Bytes(), all(classify(dataplane.Exception, "10.0.0.0/8"), classify(dataplane.NoException, "10.3.0.0/24")), "forward"},
		{"a longer one with", udp4().Bytes(), all(classify(dataplane.NoException, "10.0.0.0/8"), classify(dataplane.Exception, "10.3.0.0/24")), "pass_exception"},
		{"exception before policy", udp4().Bytes(), all(classify(dataplane.Exception, "10.3.0.0/24"), func(m *Model) { m.State.Options.Policy4 = true }), "pass_exception"},
		{"policy", udp4().Bytes(), func(m *Model) { m.State.Options.Policy4 = true }, "pass_policy"},
		{"IPv6 policy", udp6().Bytes(), func(m *Model) { m.State.Options.Policy6 = true }, "pass_policy"},
		{"policy of IPv6 only", udp4().Bytes(), func(m *Model) { m.State.Options.Policy6 = true }, "forward"},
		{"policy of IPv4 only", udp6().Bytes(), func(m *Model) { m.State.Options.Policy4 = true }, "forward"},
	})
}
