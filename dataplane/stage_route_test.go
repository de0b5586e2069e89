// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"slices"
	"testing"

	"clearway/internal/testkit"
)

func TestStageRoute(t *testing.T) { runRows(t, "route", routeGroups()) }

func routeGroups() []group {
	egress := func(change func(*L3Interface)) func(*State) {
		return func(s *State) { change(l3Named(s, "eth1")) }
	}
	ingress := func(change func(*L3Interface)) func(*State) {
		return func(s *State) { change(l3Named(s, "eth0")) }
	}
	both := []row{
		{name: "IPv4", in: udpTo("10.11.0.2"), reason: "pass_not_redirectable"},
		{name: "IPv6", in: udpTo("fd00:11::2"), reason: "pass_not_redirectable"},
	}
	hairpin := []row{
		{name: "to where it came from", in: udpTo("10.10.0.2"), reason: "forward",
			out: testkit.NewFrame(hostMAC(10), routerMAC(10)).IPv4("10.10.0.2", "10.10.0.2").TTL(63).UDP(1, 2).Payload(30)},
	}
	return []group{
		{name: "answers", rows: answerRows()},
		{name: "strict reverse path", change: ingress(func(l *L3Interface) { l.RPFilter = RPFilterStrict }), rows: strictRows()},
		{name: "loose reverse path", change: ingress(func(l *L3Interface) { l.RPFilter = RPFilterLoose }), rows: looseRows()},
		{name: "IPv4 forwarding off", change: ingress(func(l *L3Interface) { l.Forward4 = false }), rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "pass_not_forwarding"},
			{name: "IPv4 to nowhere", in: udpTo("10.250.0.1"), reason: "pass_not_forwarding"},
			{name: "IPv6", in: udpTo("fd00:11::2"), reason: "forward", out: udpOut("fd00:11::2")},
			{name: "another interface", in: on5(5), reason: "forward", out: from5()},
		}},
		{name: "IPv6 forwarding off", change: ingress(func(l *L3Interface) { l.Forward6 = false }), rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
			{name: "IPv6", in: udpTo("fd00:11::2"), reason: "pass_not_forwarding"},
		}},
		{name: "forwarding off where it leaves", change: egress(func(l *L3Interface) { l.Forward4 = false }), rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
		}},
		{name: "hairpin", change: func(s *State) { s.Options.Hairpin = true }, rows: hairpin},
		{name: "no such egress", change: func(s *State) {
			s.L3 = slices.DeleteFunc(s.L3, func(l L3Interface) bool { return l.Name == "eth1" })
		}, rows: both},
		{name: "egress down", change: egress(func(l *L3Interface) { l.Up = false }), rows: both},
		{name: "egress can't take redirects", change: egress(func(l *L3Interface) { l.RedirectNative = false }), rows: append(both, row{
			name: "from a generic port", port: "eth2", in: fromGeneric(), reason: "forward", out: genericOut()})},
		{name: "egress MTU", change: egress(func(l *L3Interface) { l.MTU = 1000 }), rows: []row{
			{name: "as large", in: in4().UDP(1, 2).Payload(1000 - 28), reason: "forward", out: out4().UDP(1, 2).Payload(1000 - 28)},
			{name: "one more", in: in4().UDP(1, 2).Payload(1000 - 27), reason: "pass_mtu"},
			{name: "as large in IPv6", in: in6().UDP(1, 2).Payload(1000 - 48), reason: "forward", out: out6().UDP(1, 2).Payload(1000 - 48)},
			{name: "one more in IPv6", in: in6().UDP(1, 2).Payload(1000 - 47), reason: "pass_mtu"},
			{name: "the trailer does not count", in: in4().UDP(1, 2).Payload(1000 - 28).Trailer(4), reason: "forward", out: out4().UDP(1, 2).Payload(1000 - 28)},
		}},
		{name: "dry run", change: func(s *State) { s.Options.DryRun = true }, rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "dry_run"},
			{name: "IPv6", in: udpTo("fd00:11::2"), reason: "dry_run"},
			{name: "a black hole", in: udpTo("10.200.0.1"), reason: "dry_run"},
			{name: "no route", in: udpTo("10.250.0.1"), reason: "pass_no_route"},
			{name: "hairpin first", in: udpTo("10.10.0.2"), reason: "pass_hairpin"},
		}},
		{name: "a VLAN that the FIB lacks", change: func(s *State) { l3Named(s, "vlan5").Ifindex = 60000 }, rows: []row{
			{name: "on it", in: on5(5), reason: "pass_fib_error"},
			{name: "beside it", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
		}},
		{name: "an L3 interface that the FIB lacks", change: func(s *State) { l3Named(s, "eth0").Ifindex = 60000 }, rows: []row{
			{name: "IPv4", in: udpTo("10.11.0.2"), reason: "pass_fib_error"},
			{name: "IPv6", in: udpTo("fd00:11::2"), reason: "pass_fib_error"},
		}},
	}
}

func fromGeneric() *testkit.Frame {
	return testkit.NewFrame(routerMAC(12), hostMAC(12)).IPv4("10.12.0.2", "10.11.0.2").UDP(1, 2).Payload(30)
}

func genericOut() *testkit.Frame {
	return testkit.NewFrame(hostMAC(11), routerMAC(11)).IPv4("10.12.0.2", "10.11.0.2").TTL(63).UDP(1, 2).Payload(30)
}

// answerRows are what the helper can answer.
func answerRows() []row {
	return []row{
		{name: "a neighbour", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
		{name: "by a gateway", in: udpTo("10.205.0.1"), reason: "forward", out: udpOut("10.205.0.1")},
		{name: "by a gateway in IPv6", in: udpTo("fd00:205::1"), reason: "forward", out: udpOut("fd00:205::1")},
		{name: "from a generic port", port: "eth2", in: fromGeneric(), reason: "forward", out: genericOut()},
		{name: "a black hole", in: udpTo("10.200.0.1"), reason: "drop_blackhole"},
		{name: "a black hole in IPv6", in: udpTo("fd00:200::1"), reason: "drop_blackhole"},
		{name: "unreachable", in: udpTo("10.201.0.1"), reason: "pass_unreachable"},
		{name: "unreachable in IPv6", in: udpTo("fd00:201::1"), reason: "pass_unreachable"},
		{name: "prohibit", in: udpTo("10.202.0.1"), reason: "pass_unreachable"},
		{name: "prohibit in IPv6", in: udpTo("fd00:202::1"), reason: "pass_unreachable"},
		{name: "MTU of the route", in: between("10.10.0.2", "10.203.0.1").Payload(1300 - 58), reason: "forward", out: betweenOut("10.10.0.2", "10.203.0.1").Payload(1300 - 58)},
		{name: "one more than that", in: between("10.10.0.2", "10.203.0.1").Payload(1300 - 57), reason: "pass_mtu"},
		{name: "one more than that in IPv6", in: between("fd00:10::2", "fd00:203::1").Payload(1300 - 77), reason: "pass_mtu"},
		{name: "a gateway that is silent", in: udpTo("10.204.0.1"), reason: "pass_no_neighbour"},
		{name: "a gateway that is silent in IPv6", in: udpTo("fd00:204::1"), reason: "pass_no_neighbour"},
		{name: "a neighbour that is silent", in: udpTo("10.11.0.77"), reason: "pass_no_neighbour"},
		{name: "no route", in: udpTo("10.250.0.1"), reason: "pass_no_route"},
		{name: "no route in IPv6", in: udpTo("fd00:250::1"), reason: "pass_no_route"},
		{name: "broadcast of a link", in: udpTo("10.11.0.255"), reason: "pass_no_route"},
		{name: "hairpin", in: udpTo("10.10.0.2"), reason: "pass_hairpin"},
		{name: "hairpin in IPv6", in: udpTo("fd00:10::2"), reason: "pass_hairpin"},
		{name: "to the VLAN on the same port", in: udpTo("10.15.0.2"), reason: "forward",
			out: testkit.NewFrame(hostMAC(15), routerMAC(15)).Tag(5).IPv4("10.10.0.2", "10.15.0.2").TTL(63).UDP(1, 2).Payload(30)},
	}
}

func strictRows() []row {
	return []row{
		{name: "from the link", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
		{name: "from another link", in: between("10.12.0.2", "10.11.0.2"), reason: "pass_rpf"},
		{name: "from nowhere", in: between("10.250.0.2", "10.11.0.2"), reason: "pass_rpf"},
		{name: "from a black hole", in: between("10.200.0.2", "10.11.0.2"), reason: "pass_rpf"},
		{name: "before the route", in: between("10.250.0.2", "10.251.0.2"), reason: "pass_rpf"},
		{name: "IPv6 has none", in: between("fd00:12::2", "fd00:11::2"), reason: "forward", out: betweenOut("fd00:12::2", "fd00:11::2")},
		{name: "another interface has none", in: testkit.NewFrame(routerMAC(15), hostMAC(15)).Tag(5).IPv4("10.12.0.2", "10.11.0.2").UDP(1, 2).Payload(30),
			reason: "forward", out: betweenOut("10.12.0.2", "10.11.0.2")},
	}
}

func looseRows() []row {
	return []row{
		{name: "from the link", in: udpTo("10.11.0.2"), reason: "forward", out: udpOut("10.11.0.2")},
		{name: "from another link", in: between("10.12.0.2", "10.11.0.2"), reason: "forward", out: betweenOut("10.12.0.2", "10.11.0.2")},
		{name: "from a silent host", in: between("10.12.0.77", "10.11.0.2"), reason: "forward", out: betweenOut("10.12.0.77", "10.11.0.2")},
		{name: "from nowhere", in: between("10.250.0.2", "10.11.0.2"), reason: "pass_rpf"},
		{name: "from unreachable", in: between("10.201.0.2", "10.11.0.2"), reason: "pass_rpf"},
	}
}

// TestStrictPathOfSilentHost: a reverse look-up needs no neighbour where the
// kernel can leave it out. Older ones leave it to Linux.
func TestStrictPathOfSilentHost(t *testing.T) {
	testkit.RequireKernel(t, "6.3", "a look-up without a neighbour")
	runRows(t, "route", []group{
		{name: "strict", change: func(s *State) { l3Named(s, "eth0").RPFilter = RPFilterStrict }, rows: []row{
			{name: "from a silent host", in: between("10.10.0.77", "10.11.0.2"), reason: "forward", out: betweenOut("10.10.0.77", "10.11.0.2")},
		}}})
}

// TestMultiBufferEgress: a frame of several buffers needs an egress that takes those.
func TestMultiBufferEgress(t *testing.T) {
	testkit.RequireKernel(t, "6.18", "a test run with a short linear part")
	r := newRowLab(t)
	s := r.state.clone()
	l3Named(&s, "eth1").RedirectFrags = false
	r.apply(t, s)
	r.runPlaced(t, row{in: udpTo("10.11.0.2").Payload(100), reason: "pass_not_redirectable"}, Placed{Linear: 60})
	r.runPlaced(t, row{in: udpTo("10.11.0.2").Payload(100), reason: "forward", out: udpOut("10.11.0.2").Payload(100)}, Placed{})
	r.apply(t, r.state)
	r.runPlaced(t, row{in: udpTo("10.11.0.2").Payload(100), reason: "forward", out: udpOut("10.11.0.2").Payload(100)}, Placed{Linear: 60})
}
