// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/netstate"
)

// The state of these tests: a port with a VLAN, and an egress.
var explainState = dataplane.State{
	Ports: []dataplane.Port{{Name: "eth0", Ifindex: 1}},
	L3: []dataplane.L3Interface{
		{Name: "eth0", Ifindex: 1, Port: 1, MAC: dataplane.MAC{2, 0, 0, 0, 0, 1}},
		{Name: "eth0.100", Ifindex: 5, Port: 1, VID: 100, MAC: dataplane.MAC{2, 0, 0, 0, 0, 5}},
		{Name: "bond0", Ifindex: 6, Port: 6, Members: []int{3}, MAC: dataplane.MAC{2, 0, 0, 0, 0, 6}},
		{Name: "eth1", Ifindex: 2, Port: 2, MAC: dataplane.MAC{2, 0, 0, 0, 0, 2}},
	},
}

const (
	macs   = "ffffffffffff" + "020000000099"
	ipv4   = "0800" + "4500001c0000000040110000" + "c0000201c6336407" + "9c40003500080000"
	tagged = "8100a064" // PCP 5, VID 100
	other  = "810000c8" // VID 200
)

func TestExplain(t *testing.T) {
	d := &fakeDataplane{answer: dataplane.Explanation{
		Verdict: "redirect", Reason: dataplane.Forward, Stages: []dataplane.Stage{{Name: "parse", Text: "IPv4"}},
		Ingress: 5, Egress: 2, NextHop: dataplane.MAC{2, 0, 0, 0, 0, 7}, Output: []byte{1, 2},
	}}
	input := strings.ReplaceAll(macs, "ffffffffffff", "020000000005") + tagged + ipv4
	got, err := explain(context.Background(), d, newFakeMachine(), explainState,
		control.ExplainRequest{Interface: "eth0", Frame: unhex(t, macs+tagged+ipv4), OwnMAC: true})
	want := control.Explanation{
		Verdict: "redirect", Reason: "forward", Stages: []control.Stage{{Name: "parse", Text: "IPv4"}},
		Ingress: "eth0.100", Egress: "eth1", NextHop: "02:00:00:00:00:07",
		InputHex: input, OutputHex: "0102",
		KernelRoute: "198.51.100.7 from 192.0.2.1 by 5",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if hex.EncodeToString(d.frame) != input {
		t.Errorf("the data path was given %x", d.frame)
	}
}

// The rule is told of packets alone that the data path says one matched.
func TestExplainNamesThePuntRule(t *testing.T) {
	const v6 = macs + "86dd" + "6000000000100040" + "20010db8000000000000000000000001" + "20010db8010000000000000000000007" + // hop-by-hop options
		"1100010400000000" + "c350003500080000"
	state := explainState
	rule := func(name, address string, protocol dataplane.Protocol, port uint16) {
		state.Punt = append(state.Punt, dataplane.PuntRule{Name: name, Protocol: protocol, Address: netip.MustParseAddr(address), Port: port})
	}
	rule("elsewhere", "198.51.100.8", dataplane.UDP, 53)
	rule("TCP", "198.51.100.7", dataplane.TCP, 53)
	rule("dns", "198.51.100.7", dataplane.UDP, 53)
	rule("any", "198.51.100.7", dataplane.UDP, 0)
	rule("dns6", "2001:db8:100::7", dataplane.UDP, 53)
	for _, row := range []struct {
		name, frame string
		reason      dataplane.Reason
		want        string
	}{
		{"to a socket", macs + ipv4, dataplane.Punted, "dns"},
		{"without one", macs + tagged + ipv4, dataplane.PassNoSocket, "dns"},
		{"of any port", macs + strings.Replace(ipv4, "9c400035", "9c400036", 1), dataplane.Punted, "any"},
		{"with options", macs + strings.NewReplacer("4500", "4600", "9c40", "940400009c40").Replace(ipv4), dataplane.Punted, "dns"},
		{"with extension headers", v6, dataplane.Punted, "dns6"},
		{"never punted", macs + ipv4, dataplane.Forward, ""},
		{"of a rule that has gone", macs + strings.Replace(ipv4, "c6336407", "c6336409", 1), dataplane.Punted, ""},
	} {
		d := &fakeDataplane{answer: dataplane.Explanation{Reason: row.reason}}
		e, err := explain(context.Background(), d, newFakeMachine(), state, control.ExplainRequest{Interface: "eth0", Frame: unhex(t, row.frame)})
		if err != nil || e.PuntRule != row.want {
			t.Errorf("%s: %q, %v, want %q", row.name, e.PuntRule, err, row.want)
		}
	}
}

func TestExplainRefuses(t *testing.T) {
	for _, q := range []control.ExplainRequest{
		{Interface: "eth1", Frame: make([]byte, 60)},
		{Interface: "eth0", Frame: make([]byte, 13)},
	} {
		d := &fakeDataplane{}
		if _, err := explain(context.Background(), d, newFakeMachine(), explainState, q); err == nil || d.frame != nil {
			t.Errorf("%s with %d bytes: %v", q.Interface, len(q.Frame), err)
		}
	}
}

func TestOwnMAC(t *testing.T) {
	for _, row := range []struct {
		name, frame string
		port        int
		want        byte // last of the MAC
	}{
		{"untagged", macs + ipv4, 1, 1},
		{"VLAN", macs + tagged + ipv4, 1, 5},
		{"VLAN that isn't there", macs + other + ipv4, 1, 1},
		{"slave of a bond", macs + ipv4, 3, 6},
		{"no L3 interface", macs + ipv4, 4, 0xff},
		{"tag cut off", macs + "8100", 1, 1},
	} {
		frame := unhex(t, row.frame)
		putOwnMAC(frame, explainState, row.port)
		if frame[5] != row.want || !bytes.Equal(frame[6:], unhex(t, row.frame)[6:]) {
			t.Errorf("%s: %x", row.name, frame)
		}
	}
}

func TestLookupOf(t *testing.T) {
	v6 := "86dd" + "600000000008" + "0640" + "20010db8000000000000000000000001" + "20010db8010000000000000000000007" + "c35001bb00000000"
	v4 := netstate.Lookup{Source: netip.MustParseAddr("192.0.2.1"), Destination: netip.MustParseAddr("198.51.100.7"),
		Protocol: 17, SourcePort: 40000, DestinationPort: 53}
	marked := v4
	marked.TOS = 0xb8
	portless := netstate.Lookup{Source: v4.Source, Destination: v4.Destination}
	for _, row := range []struct {
		name, frame string
		want        netstate.Lookup
		ok          bool
	}{
		{"IPv4", macs + ipv4, v4, true},
		{"IPv4, tagged", macs + tagged + ipv4, v4, true},
		{"IPv4 with DSCP and ECN", macs + strings.Replace(ipv4, "4500", "45bb", 1), marked, true},
		{"ICMP", macs + strings.Replace(ipv4, "4011", "4001", 1), portless, true},
		{"IPv4, ports cut off", (macs + ipv4)[:2*34], portless, true},
		{"IPv4, header said to be long", macs + strings.Replace(ipv4, "4500", "4f00", 1), portless, true},
		{"IPv6", macs + v6, netstate.Lookup{Source: netip.MustParseAddr("2001:db8::1"), Destination: netip.MustParseAddr("2001:db8:100::7"),
			Protocol: 6, SourcePort: 50000, DestinationPort: 443}, true},
		{"IPv6 with extension headers", macs + strings.Replace(strings.Replace(v6, "0640", "0040", 1), "c350", "3c00010400000000"+"3300010400000000"+
			"060400000000000000000000000000000000000000000000"+"c350", 1), netstate.Lookup{Source: netip.MustParseAddr("2001:db8::1"),
			Destination: netip.MustParseAddr("2001:db8:100::7"), Protocol: 6, SourcePort: 50000, DestinationPort: 443}, true},
		{"IPv6, cut off in them", macs + strings.Replace(v6, "0640", "0040", 1)[:2*42] + "060c", netstate.Lookup{Source: netip.MustParseAddr("2001:db8::1"),
			Destination: netip.MustParseAddr("2001:db8:100::7")}, true},
		{"ARP", macs + "0806" + strings.Repeat("00", 46), netstate.Lookup{}, false},
		{"no more than Ethernet", macs + "0800", netstate.Lookup{}, false},
		{"no more than a tag", macs + tagged, netstate.Lookup{}, false},
		{"IPv4 cut off", (macs + ipv4)[:2*33], netstate.Lookup{}, false},
		{"IPv6 cut off", (macs + v6)[:2*53], netstate.Lookup{}, false},
	} {
		frame := unhex(t, row.frame)
		if len(frame) < ethernetHeader {
			t.Fatalf("%s: the frame is no frame", row.name)
		}
		got, ok := lookupOf(frame)
		if got != row.want || ok != row.ok {
			t.Errorf("%s: %+v, %v, want %+v, %v", row.name, got, ok, row.want, row.ok)
		}
	}
}

func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
