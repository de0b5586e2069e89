// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"testing"

	"clearway/internal/testkit"
)

// The flow that most rows vary: from the host behind eth0 to the one behind eth1.

func in4() *testkit.Frame {
	return testkit.NewFrame(routerMAC(10), hostMAC(10)).IPv4("10.10.0.2", "10.11.0.2")
}

func out4() *testkit.Frame {
	return testkit.NewFrame(hostMAC(11), routerMAC(11)).IPv4("10.10.0.2", "10.11.0.2").TTL(63)
}

func in6() *testkit.Frame {
	return testkit.NewFrame(routerMAC(10), hostMAC(10)).IPv6("fd00:10::2", "fd00:11::2")
}

func out6() *testkit.Frame {
	return testkit.NewFrame(hostMAC(11), routerMAC(11)).IPv6("fd00:10::2", "fd00:11::2").TTL(63)
}

// bare is a frame of a type other than IP.
func bare(etherType uint16) *testkit.Frame {
	return testkit.NewFrame(routerMAC(10), hostMAC(10)).EtherType(etherType)
}

func TestStageParse(t *testing.T) { runRows(t, "parse", parseGroups()) }

func parseGroups() []group { return []group{{name: "rows", rows: parseRows()}} }

func parseRows() []row {
	const ethernet, tag, header4, header6 = 14, 4, 20, 40
	tagged := func() *testkit.Frame { return testkit.NewFrame(routerMAC(10), hostMAC(10)).Tag(5) }
	return []row{
		{name: "nothing behind the Ethernet header", in: cut(in4(), ethernet), reason: "pass_truncated"},
		{name: "IPv4 header cut", in: cut(in4().UDP(1, 2), ethernet+header4-1), reason: "pass_truncated"},
		{name: "IPv6 header cut", in: cut(in6().UDP(1, 2), ethernet+header6-1), reason: "pass_truncated"},
		{name: "tag cut", in: cut(tagged().EtherType(0x0800), ethernet+tag-1), reason: "pass_truncated"},
		{name: "IPv4 header cut behind a tag", in: cut(tagged().IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2), ethernet+tag+header4-1), reason: "pass_truncated"},
		{name: "IPv6 header cut behind a tag", in: cut(tagged().IPv6("fd00:15::2", "fd00:11::2").UDP(1, 2), ethernet+tag+header6-1), reason: "pass_truncated"},
		{name: "cut on a port without L3 interface", port: "bridged", in: cut(in4(), ethernet), reason: "pass_truncated"},

		{name: "TCP ports cut", in: cut(in4().TCP(1, 2, testkit.ACK), ethernet+header4+3), reason: "pass_truncated"},
		{name: "UDP ports cut", in: cut(in6().UDP(1, 2), ethernet+header6+3), reason: "pass_truncated"},
		{name: "UDP-Lite ports cut", in: cut(in4().Ports(testkit.ProtoUDPLite, 1, 2), ethernet+header4+3), reason: "pass_truncated"},
		{name: "SCTP ports cut", in: cut(in6().Ports(testkit.ProtoSCTP, 1, 2), ethernet+header6+3), reason: "pass_truncated"},
		{name: "DCCP ports cut", in: cut(in4().Ports(testkit.ProtoDCCP, 1, 2), ethernet+header4+3), reason: "pass_truncated"},
		{name: "ICMPv6 type cut", in: in6().Protocol(testkit.ProtoICMPv6), reason: "pass_truncated"},
		{name: "nothing of TCP but the ports", in: in4().Protocol(testkit.ProtoTCP).Payload(4), reason: "forward", out: out4().Protocol(testkit.ProtoTCP).Payload(4)},
		{name: "nothing above IPv4", in: in4().Protocol(99), reason: "forward", out: out4().Protocol(99)},
		{name: "ICMP without a header", in: in4().Protocol(testkit.ProtoICMP), reason: "forward", out: out4().Protocol(testkit.ProtoICMP)},
		{name: "ICMPv6 number in IPv4", in: in4().Protocol(testkit.ProtoICMPv6), reason: "forward", out: out4().Protocol(testkit.ProtoICMPv6)},

		{name: "two tags", in: tagged().Tag(6).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
		{name: "802.1ad", in: testkit.NewFrame(routerMAC(10), hostMAC(10)).TagOf(testkit.EtherType8021AD, 5).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
		{name: "802.1ad inside", in: tagged().TagOf(testkit.EtherType8021AD, 5).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
		{name: "802.1ad cut", in: cut(testkit.NewFrame(routerMAC(10), hostMAC(10)).TagOf(testkit.EtherType8021AD, 5), ethernet), reason: "pass_vlan"},

		{name: "ARP", in: bare(testkit.EtherTypeARP).Payload(28), reason: "pass_not_ip"},
		{name: "LLDP", in: bare(0x88cc).Payload(40), reason: "pass_not_ip"},
		{name: "PPPoE", in: bare(0x8864).Payload(40), reason: "pass_not_ip"},
		{name: "802.3 length", in: bare(46).Payload(46), reason: "pass_not_ip"},
		{name: "the old number of QinQ", in: bare(0x9100).Payload(46), reason: "pass_not_ip"},
		{name: "tagged ARP", in: tagged().EtherType(testkit.EtherTypeARP).Payload(28), reason: "pass_not_ip"},
	}
}

// TestHeaderSplit has headers reach out of the linear part of a multi-buffer frame.
func TestHeaderSplit(t *testing.T) {
	testkit.RequireKernel(t, "6.18", "a test run with a short linear part")
	tagged := testkit.NewFrame(routerMAC(10), hostMAC(10)).Tag(5).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2)
	r := newRowLab(t)
	r.apply(t, r.state)
	for _, row := range []struct {
		row
		linear int
	}{
		{row{name: "in the tag", in: tagged.Payload(99), reason: "pass_header_split"}, 17},
		{row{name: "in the IPv4 header", in: in4().UDP(1, 2).Payload(99), reason: "pass_header_split"}, 33},
		{row{name: "in the IPv6 header", in: in6().UDP(1, 2).Payload(99), reason: "pass_header_split"}, 53},
		{row{name: "in the UDP ports", in: in4().UDP(1, 2).Payload(99), reason: "pass_header_split"}, 37},
		{row{name: "before the ICMPv6 type", in: in6().ICMP(128, 0).Payload(99), reason: "pass_header_split"}, 54},
		{row{name: "behind the UDP ports", in: in4().UDP(1, 2).Payload(99), reason: "forward", out: out4().UDP(1, 2).Payload(99)}, 38},
		{row{name: "behind the ICMPv6 type", in: in6().ICMP(128, 0).Payload(99), reason: "forward", out: out6().ICMP(128, 0).Payload(99)}, 55},
	} {
		t.Run(row.name, func(t *testing.T) { r.runPlaced(t, row.row, Placed{Linear: row.linear}) })
	}
}
