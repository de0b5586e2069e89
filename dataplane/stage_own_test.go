// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"testing"

	"clearway/internal/testkit"
)

// on5 is a frame from the host on VLAN 5 of eth0 to the one behind eth1.
func on5(tci uint16) *testkit.Frame {
	return testkit.NewFrame(routerMAC(15), hostMAC(15)).Tag(tci).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2).Payload(40)
}

func from5() *testkit.Frame {
	return testkit.NewFrame(hostMAC(11), routerMAC(11)).IPv4("10.15.0.2", "10.11.0.2").TTL(63).UDP(1, 2).Payload(40)
}

func TestStageOwn(t *testing.T) { runRows(t, "own", ownGroups()) }

func ownGroups() []group {
	return []group{{name: "interfaces", rows: ownRows()}, {name: "headers", rows: headerRows()}}
}

// TestStageOwnVLAN checks the reason that parse and own share: here it is own's.
func TestStageOwnVLAN(t *testing.T) {
	to := func(mac [6]byte) *testkit.Frame { return testkit.NewFrame(mac, hostMAC(10)) }
	runRows(t, "own", []group{{name: "rows", rows: []row{
		{name: "none of this port's", in: to(routerMAC(10)).Tag(7).IPv4("10.10.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
		{name: "of another port", in: to(routerMAC(16)).Tag(6).IPv4("10.16.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
		{name: "with the same low byte", in: to(routerMAC(15)).Tag(256+5).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
		{name: "the last", in: to(routerMAC(10)).Tag(4095).IPv4("10.10.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
		{name: "before the MAC is looked at", in: to([6]byte{2, 9}).Tag(7).IPv4("10.10.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"},
	}}})
}

// TestStageOwnVLANGone: a VLAN's record is emptied after what points to it, and
// a packet in between is none of the port's.
func TestStageOwnVLANGone(t *testing.T) {
	r := newRowLab(t)
	r.apply(t, r.state)
	r.do(t, func() error {
		return r.dp.gen.maps("l3s").Put(r.dp.gen.image.numbers.l3s[vlan{r.ingress(t, row{}), 5}], pipelineL3{})
	})
	for _, mac := range [][6]byte{routerMAC(15), {}} {
		r.do(t, func() error {
			r.runRow(t, "own", row{in: testkit.NewFrame(mac, hostMAC(15)).Tag(5).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_vlan"})
			return nil
		})
	}
}

func ownRows() []row {
	to := func(mac [6]byte) *testkit.Frame {
		return testkit.NewFrame(mac, hostMAC(10)).IPv4("10.10.0.2", "10.11.0.2").UDP(1, 2)
	}
	nearMiss := routerMAC(10)
	nearMiss[0] ^= 4
	return []row{
		{name: "no L3 interface on the port", port: "bridged", in: to(routerMAC(13)), reason: "pass_not_ours"},
		{name: "tagged on such a port", port: "bridged", in: testkit.NewFrame(routerMAC(13), hostMAC(13)).Tag(5).IPv4("10.10.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_not_ours"},
		{name: "to broadcast", in: to([6]byte{255, 255, 255, 255, 255, 255}), reason: "pass_not_ours"},
		{name: "to a multicast group", in: to([6]byte{1, 0, 0x5e, 0, 0, 5}), reason: "pass_not_ours"},
		{name: "to another host", in: to(hostMAC(11)), reason: "pass_not_ours"},
		{name: "to another interface of the router", in: to(routerMAC(11)), reason: "pass_not_ours"},
		{name: "to a MAC with another first byte", in: to(nearMiss), reason: "pass_not_ours"},
		{name: "on a VLAN to the MAC of its device", in: testkit.NewFrame(routerMAC(10), hostMAC(15)).Tag(5).IPv4("10.15.0.2", "10.11.0.2").UDP(1, 2), reason: "pass_not_ours"},
		{name: "untagged to the MAC of a VLAN", in: to(routerMAC(15)), reason: "pass_not_ours"},
		{name: "before the header is looked at", in: to(hostMAC(11)).BadChecksum(), reason: "pass_not_ours"},
		{name: "untagged", in: in4().UDP(1, 2), reason: "forward", out: out4().UDP(1, 2)},
		{name: "on the port's VLAN", in: on5(5), reason: "forward", out: from5()},
		{name: "with PCP and DEI", in: on5(0xf005), reason: "forward", out: from5()},
		{name: "VID 0 is untagged", in: testkit.NewFrame(routerMAC(10), hostMAC(10)).Tag(0xe000).IPv4("10.10.0.2", "10.11.0.2").UDP(1, 2).Payload(40), reason: "forward", out: out4().UDP(1, 2).Payload(40)},
		{name: "the other end's MAC does not matter", in: testkit.NewFrame(routerMAC(10), [6]byte{2, 1}).IPv4("10.10.0.2", "10.11.0.2").UDP(1, 2), reason: "forward", out: out4().UDP(1, 2)},
	}
}

// headerRows are IP headers that lie.
func headerRows() []row {
	const ip = 14
	udp4 := func() *testkit.Frame { return in4().UDP(1, 2).Payload(20) }
	udp6 := func() *testkit.Frame { return in6().UDP(1, 2).Payload(20) }
	return []row{
		{name: "IPv4 version 5", in: udp4().Version(5), reason: "pass_header"},
		{name: "IPv4 version 6", in: udp4().Version(6), reason: "pass_header"},
		{name: "IHL 4", in: udp4().IHL(4), reason: "pass_header"},
		{name: "IHL 0", in: udp4().IHL(0), reason: "pass_header"},
		{name: "IHL beyond the total length", in: udp4().IHL(15), reason: "pass_header"},
		{name: "total length 0", in: udp4().Length(0), reason: "pass_header"},
		{name: "total length below the header", in: udp4().Length(19), reason: "pass_header"},
		{name: "total length one beyond the frame", in: udp4().Length(20 + 28 + 1), reason: "pass_header"},
		{name: "total length 65535", in: udp4().Length(65535), reason: "pass_header"},
		{name: "wrong header checksum", in: udp4().BadChecksum(), reason: "pass_header"},
		{name: "header checksum 0", in: patched(udp4(), ip+10, 0, 0), reason: "pass_header"},
		{name: "one bit of the source turned", in: patched(udp4(), ip+12, 11), reason: "pass_header"},
		{name: "IPv6 version 4", in: udp6().Version(4), reason: "pass_header"},
		{name: "IPv6 version 7", in: udp6().Version(7), reason: "pass_header"},
		{name: "IPv6 payload length 0", in: udp6().Length(0), reason: "pass_header"},
		{name: "IPv6 payload length one beyond the frame", in: udp6().Length(8 + 20 + 1), reason: "pass_header"},
		{name: "IPv6 payload length 65535", in: udp6().Length(65535), reason: "pass_header"},
		{name: "before what admit looks at", in: in4().Fragment(0x2000).UDP(1, 2).BadChecksum(), reason: "pass_header"},
		{name: "all right in IPv4", in: udp4(), reason: "forward", out: out4().UDP(1, 2).Payload(20)},
		{name: "all right in IPv6", in: udp6(), reason: "forward", out: out6().UDP(1, 2).Payload(20)},
		{name: "traffic class and flow label", in: udp6().TOS(0xff).FlowLabel(0xfffff), reason: "forward", out: out6().TOS(0xff).FlowLabel(0xfffff).UDP(1, 2).Payload(20)},
		{name: "TOS", in: udp4().TOS(0xff), reason: "forward", out: out4().TOS(0xff).UDP(1, 2).Payload(20)},
	}
}
