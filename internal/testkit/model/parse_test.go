// SPDX-License-Identifier: Apache-2.0

package model

import (
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

func withMSS(m *Model) { m.State.MSS = []dataplane.MSSRule{{MSS: 1300}} }

// cut returns the first n bytes.
func cut(f *testkit.Frame, n int) []byte { return f.Bytes()[:n] }

func tcp4() *testkit.Frame { return to0().IPv4("10.1.0.5", "10.3.0.7").TCP(7, 9, testkit.ACK) }

func TestParse(t *testing.T) {
	tagged4 := func() *testkit.Frame {
		return to0().Tag(100).IPv4("10.2.0.5", "10.3.0.7").UDP(7, 9).Payload(20)
	}
	echo6 := func() *testkit.Frame { return to0().IPv6("2001:db8:1::5", "2001:db8:3::7").ICMP(128, 0) }
	runRows(t, []row{
		{"IPv4", udp4().Bytes(), nil, "forward"},
		{"IPv6", udp6().Bytes(), nil, "forward"},
		{"tagged", tagged4().Bytes(), nil, "forward"},
		{"nothing", nil, nil, "pass_truncated"},
		{"Ethernet short", cut(udp4(), 13), nil, "pass_truncated"},
		{"Ethernet only", cut(udp4(), 14), nil, "pass_truncated"},
		{"tag short", cut(tagged4(), 17), nil, "pass_truncated"},
		{"tag only", cut(tagged4(), 18), nil, "pass_truncated"},
		{"IPv4 short", cut(udp4(), 33), nil, "pass_truncated"},
		{"IPv4 without ports to read, short", cut(to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(47), 33), nil, "pass_truncated"},
		{"IPv6 without ports to read, short", cut(to0().IPv6("2001:db8:1::5", "2001:db8:3::7").Protocol(47), 53), nil, "pass_truncated"},
		{"IPv4 without ports", cut(udp4(), 37), nil, "pass_truncated"},
		{"tagged IPv4 without ports", cut(tagged4(), 41), nil, "pass_truncated"},
		{"IPv4 with ports, but shorter than it says", cut(udp4(), 38), nil, "pass_header"},
		{"IPv6 short", cut(udp6(), 53), nil, "pass_truncated"},
		{"IPv6 without ports", cut(udp6(), 57), nil, "pass_truncated"},
		{"ICMPv6 without type", cut(echo6(), 54), nil, "pass_truncated"},
		{"ICMPv6 with type, but shorter than it says", cut(echo6(), 55), nil, "pass_header"},
		{"ICMPv4 of nothing", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(1).Bytes(), nil, "forward"},
		{"a protocol without ports, of nothing", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(47).Bytes(), nil, "forward"},
		{"SCTP without ports", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(132).Bytes(), nil, "pass_truncated"},
		{"DCCP without ports", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(33).Bytes(), nil, "pass_truncated"},
		{"UDP-Lite without ports", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(136).Bytes(), nil, "pass_truncated"},
		{"ports in the trailer", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(17).Trailer(26).Bytes(), nil, "pass_truncated"},
		{"one byte of the ports in the trailer", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(17).Payload(3).Trailer(26).Bytes(), nil, "pass_truncated"},
		{"a lie before ports in the trailer", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(17).BadChecksum().Trailer(26).Bytes(), nil, "pass_header"},
		{"options hide the ports", to0().IPv4("10.1.0.5", "10.3.0.7").Options(1).Protocol(17).Bytes(), nil, "pass_header"},
		{"options cut short", cut(udp4().Options(1), 34), nil, "pass_header"},
		{"another version does not hide the ports", cut(udp6().Version(4), 54), nil, "pass_truncated"},
		{"a fragment has no ports", to0().IPv4("10.1.0.5", "10.3.0.7").Fragment(1).Protocol(17).Bytes(), nil, "pass_fragment"},
		{"4 bytes of TCP", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(6).Payload(4).Bytes(), nil, "forward"},
		{"4 bytes of TCP and MSS rules", to0().IPv4("10.1.0.5", "10.3.0.7").Protocol(6).Payload(4).Bytes(), withMSS, "forward"},
		{"20 bytes of TCP and MSS rules", tcp4().Bytes(), withMSS, "forward"},

		{"two 802.1Q tags", to0().Tag(100).Tag(5).Bytes(), nil, "pass_vlan"},
		{"802.1ad", to0().TagOf(testkit.EtherType8021AD, 100).Bytes(), nil, "pass_vlan"},
		{"802.1ad inside", to0().Tag(100).TagOf(testkit.EtherType8021AD, 1).Bytes(), nil, "pass_vlan"},
		{"ARP", to0().EtherType(testkit.EtherTypeARP).Payload(28).Bytes(), nil, "pass_not_ip"},
		{"ARP short", to0().EtherType(testkit.EtherTypeARP).Bytes(), nil, "pass_not_ip"},
		{"tagged PPPoE of another VLAN", to0().Tag(9).EtherType(0x8864).Bytes(), nil, "pass_not_ip"},
		{"802.3 length", to0().EtherType(46).Payload(46).Bytes(), nil, "pass_not_ip"},
	})
}

func TestParseSplit(t *testing.T) {
	tests := []struct {
		name   string
		frame  []byte
		linear int
		want   string
	}{
		{"all linear", udp4().Bytes(), 1000, "forward"},
		{"ports linear, no multi-buffer feature", udp4().Bytes(), 38, "pass_not_redirectable"},
		{"ports in a fragment", udp4().Bytes(), 37, "pass_header_split"},
		{"IPv6 ports in a fragment", udp6().Bytes(), 57, "pass_header_split"},
		{"IP header in a fragment", udp4().Bytes(), 20, "pass_header_split"},
		{"Ethernet in a fragment", udp4().Bytes(), 0, "pass_header_split"},
		{"not there at all", cut(udp4(), 30), 20, "pass_truncated"},
		{"the IP header is split before the ports are missed", cut(udp4(), 36), 20, "pass_header_split"},
	}
	for _, test := range tests {
		if got := newModel().RunSplit(1, test.frame, test.linear); got.Reason != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got.Reason, test.want)
		}
	}
	m := newModel()
	m.State.L3[2].RedirectFrags = true
	if got := m.RunSplit(1, udp4().Bytes(), 38); got.Reason != "forward" {
		t.Errorf("with the multi-buffer feature: %s", got.Reason)
	}
}
