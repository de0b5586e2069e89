// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// answer makes the FIB give a code for every query.
func answer(code Code) func(*Model) {
	return func(m *Model) {
		m.FIB = func(Query) Answer { return Answer{Code: code, Egress: 3, SMAC: mac1} }
	}
}

func rpf(mode dataplane.RPFilter) func(*Model) {
	return func(m *Model) { m.State.L3[0].RPFilter = mode }
}

func onEgress(edit func(*dataplane.L3Interface)) func(*Model) {
	return func(m *Model) { edit(&m.State.L3[2]) }
}

func TestRoute(t *testing.T) {
	turn4 := to0().IPv4("10.1.0.5", "10.1.0.7").UDP(7, 9)
	turn6 := to0().IPv6("2001:db8:1::5", "2001:db8:1::7").UDP(7, 9)
	hairpin := func(m *Model) { m.State.Options.Hairpin = true }
	big4 := func(n int) []byte { return udp4().Payload(n - 48).Bytes() }
	big6 := func(n int) []byte { return udp6().Payload(n - 68).Bytes() }
	runRows(t, []row{
		{"forwarding off", udp4().Bytes(), func(m *Model) { m.State.L3[0].Forward4 = false }, "pass_not_forwarding"},
		{"IPv6 forwarding off", udp6().Bytes(), func(m *Model) { m.State.L3[0].Forward6 = false }, "pass_not_forwarding"},
		{"off for the other family", udp4().Bytes(), func(m *Model) { m.State.L3[0].Forward6 = false }, "forward"},
		{"IPv4 off for IPv6", udp6().Bytes(), func(m *Model) { m.State.L3[0].Forward4 = false }, "forward"},
		{"off on the egress", udp4().Bytes(), onEgress(func(l *dataplane.L3Interface) { l.Forward4 = false }), "forward"},
		{"policy before forwarding", udp4().Bytes(), func(m *Model) { m.State.Options.Policy4, m.State.L3[0].Forward4 = true, false }, "pass_policy"},

		{"blackhole", udp4().Bytes(), answer(Blackhole), "drop_blackhole"},
		{"unreachable", udp6().Bytes(), answer(Unreachable), "pass_unreachable"},
		{"prohibit", udp4().Bytes(), answer(Prohibit), "pass_unreachable"},
		{"no route", udp6().Bytes(), answer(NotForwarded), "pass_no_route"},
		{"the helper says forwarding is off", udp4().Bytes(), answer(ForwardingDisabled), "pass_not_forwarding"},
		{"encapsulation", udp4().Bytes(), answer(UnsupportedEncap), "pass_exception"},
		{"no neighbour", to0().IPv4("10.1.0.5", "10.3.0.9").UDP(7, 9).Bytes(), nil, "pass_no_neighbour"},
		{"IPv6 no neighbour", to0().IPv6("2001:db8:1::5", "2001:db8:3::9").UDP(7, 9).Bytes(), nil, "pass_no_neighbour"},
		{"too big, says the helper", udp4().Bytes(), answer(FragNeeded), "pass_mtu"},
		{"no source address", udp4().Bytes(), answer(9), "pass_fib_error"},
		{"no device", udp6().Bytes(), answer(NoDevice), "pass_fib_error"},

		{"back where it came from", turn4.Bytes(), nil, "pass_hairpin"},
		{"IPv6 back", turn6.Bytes(), nil, "pass_hairpin"},
		{"hairpin allowed", turn4.Bytes(), hairpin, "forward"},
		{"another VLAN of the port is no hairpin", to0().IPv4("10.1.0.5", "10.2.0.7").UDP(7, 9).Bytes(), nil, "forward"},

		{"as big as the MTU", big4(1400), nil, "forward"},
		{"too big", big4(1401), nil, "pass_mtu"},
		{"IPv6 as big as the MTU", big6(1400), nil, "forward"},
		{"IPv6 too big", big6(1401), nil, "pass_mtu"},
		{"too big for what State knows", udp4().Bytes(), onEgress(func(l *dataplane.L3Interface) { l.MTU = 47 }), "pass_mtu"},
		{"the trailer doesn't count", udp4().Trailer(60).Bytes(), onEgress(func(l *dataplane.L3Interface) { l.MTU = 48 }), "forward"},

		{"unknown egress", udp4().Bytes(), func(m *Model) { m.State.L3 = m.State.L3[:2] }, "pass_not_redirectable"},
		{"egress down", udp4().Bytes(), onEgress(func(l *dataplane.L3Interface) { l.Up = false }), "pass_not_redirectable"},
		{"egress without the feature", udp6().Bytes(), onEgress(func(l *dataplane.L3Interface) { l.RedirectNative = false }), "pass_not_redirectable"},
		{"a generic port needs none", udp4().Bytes(), all(
			onEgress(func(l *dataplane.L3Interface) { l.RedirectNative = false }),
			func(m *Model) { m.State.Ports[0].Mode = dataplane.Generic }), "forward"},
		{"MTU before redirectable", big4(1401), onEgress(func(l *dataplane.L3Interface) { l.Up = false }), "pass_mtu"},
		{"dry run", udp4().Bytes(), dryRun, "dry_run"},
		{"IPv6 dry run", udp6().Bytes(), dryRun, "dry_run"},
		{"redirectable before dry run", udp4().Bytes(), all(dryRun, onEgress(func(l *dataplane.L3Interface) { l.Up = false })), "pass_not_redirectable"},
		{"blackhole in dry run", udp4().Bytes(), all(dryRun, answer(Blackhole)), "dry_run"},
	})
}

func TestRPF(t *testing.T) {
	from := func(source string) []byte { return to0().IPv4(source, "10.3.0.7").UDP(7, 9).Bytes() }
	off, loose, strict := rpf(dataplane.RPFilterOff), rpf(dataplane.RPFilterLoose), rpf(dataplane.RPFilterStrict)
	noForward := func(m *Model) { m.State.L3[0].Forward4 = false }
	runRows(t, []row{
		{"off, elsewhere", from("10.4.0.5"), off, "forward"},
		{"off, nowhere", from("192.0.2.1"), off, "forward"},
		{"loose, elsewhere", from("10.4.0.5"), loose, "forward"},
		{"loose, nowhere", from("192.0.2.1"), loose, "pass_rpf"},
		{"loose, silent neighbour", from("10.4.0.9"), loose, "forward"},
		{"strict, right", from("10.1.0.5"), strict, "forward"},
		{"strict, silent neighbour", from("10.1.0.9"), strict, "forward"},
		{"strict, elsewhere", from("10.4.0.5"), strict, "pass_rpf"},
		{"strict, elsewhere, silent", from("10.4.0.9"), strict, "pass_rpf"},
		{"strict, nowhere", from("192.0.2.1"), strict, "pass_rpf"},
		{"strict, another VLAN of the port", from("10.2.0.5"), strict, "pass_rpf"},
		{"rpf before forwarding", from("10.4.0.5"), all(strict, noForward), "pass_rpf"},
		{"IPv6 has none", to0().IPv6("2001:db8:4::5", "2001:db8:3::7").UDP(7, 9).Bytes(), strict, "forward"},
	})
}

// TestQuery fixes what the helper is asked.
func TestQuery(t *testing.T) {
	a := netip.MustParseAddr
	v4 := func() *testkit.Frame { return to0().IPv4("10.1.0.5", "10.3.0.7").TOS(0xbb) }
	v6 := func() *testkit.Frame {
		return to0().IPv6("2001:db8:1::5", "2001:db8:3::7").TOS(0xbb).FlowLabel(0xfabcd)
	}
	tests := []struct {
		name  string
		frame *testkit.Frame
		mode  dataplane.RPFilter
		want  []Query
	}{
		{"UDP", v4().UDP(7, 9), 0, []Query{{Ifindex: 1, Src: a("10.1.0.5"), Dst: a("10.3.0.7"), TOS: 0xbb, Protocol: 17, SrcPort: 7, DstPort: 9, Length: 28}}},
		{"ICMP", v4().ICMP(8, 0), 0, []Query{{Ifindex: 1, Src: a("10.1.0.5"), Dst: a("10.3.0.7"), TOS: 0xbb, Protocol: 1, Length: 28}}},
		{"IPv6 SCTP", v6().Ports(132, 5, 6), 0, []Query{{
			Ifindex: 1, Src: a("2001:db8:1::5"), Dst: a("2001:db8:3::7"), FlowInfo: 0xbbfabcd, Protocol: 132, SrcPort: 5, DstPort: 6, Length: 48}}},
		{"reverse first", v4().TCP(7, 9, 0), dataplane.RPFilterStrict, []Query{
			{Ifindex: 1, Src: a("10.3.0.7"), Dst: a("10.1.0.5"), TOS: 0xbb, Protocol: 6, SrcPort: 9, DstPort: 7},
			{Ifindex: 1, Src: a("10.1.0.5"), Dst: a("10.3.0.7"), TOS: 0xbb, Protocol: 6, SrcPort: 7, DstPort: 9, Length: 40}}},
	}
	for _, test := range tests {
		m := newModel()
		m.State.L3[0].RPFilter = test.mode
		var got []Query
		inner := m.FIB
		m.FIB = func(q Query) Answer { got = append(got, q); return inner(q) }
		if result := m.Run(1, test.frame.Bytes()); result.Reason != "forward" {
			t.Errorf("%s: %s", test.name, result.Reason)
		}
		if len(got) != len(test.want) {
			t.Fatalf("%s: asked %d times, want %d", test.name, len(got), len(test.want))
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: asked %+v, want %+v", test.name, got[i], test.want[i])
			}
		}
	}
}
