// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/netip"
	"slices"
	"testing"

	"clearway/internal/testkit"
)

// The services of the rows. Each has one backend behind eth1, of the family that
// its name says, so that there is no choice; the outer source does not vary.
const (
	vip4, vip6         = "203.0.113.10", "2001:db8:cafe::10"
	backend4, backend6 = "10.99.0.4", "fd00:99::4"
	outer4, outer6     = "172.16.0.0", "100::"
)

func oneBackend(name, address string, protocol Protocol, mode ServiceMode, backend string, ports ...uint16) Service {
	s := aService(name, address, ports, backend)
	s.Protocol, s.Mode = protocol, mode
	return s
}

// balanced puts services into a state. Backends are reached by eth1, unless a
// next hop is named otherwise.
func balanced(services ...Service) func(*State) {
	return func(s *State) {
		s.Services = services
		s.Balance = Balance{Source4: netip.MustParsePrefix(outer4 + "/32"), Source6: netip.MustParsePrefix(outer6 + "/128"),
			GUEPort: 6080, ICMPRate: 1000}
		s.NextHops = map[netip.Addr]NextHop{}
		for _, service := range services {
			for _, b := range service.Backends {
				s.hop(b.Address.String(), "eth1", 1500)
			}
		}
	}
}

func (s *State) hop(backend, egress string, mtu int) {
	l := l3Named(s, egress)
	mac := hostMAC(l.MAC[5])
	s.NextHops[netip.MustParseAddr(backend)] = NextHop{Egress: l.Ifindex, MAC: mac, MTU: mtu}
}

// and is one change after another.
func and(changes ...func(*State)) func(*State) {
	return func(s *State) {
		for _, change := range changes {
			change(s)
		}
	}
}

// toVIP starts a frame from a client behind eth0, fromVIP one with a packet to it.
func toVIP(vip string) *testkit.Frame {
	return testkit.NewFrame(routerMAC(10), hostMAC(10)).IP(clientOf(vip), netip.MustParseAddr(vip))
}

func fromVIP(vip string) *testkit.Frame {
	return testkit.NewFrame(routerMAC(10), hostMAC(10)).IP(netip.MustParseAddr(vip), clientOf(vip))
}

func clientOf(vip string) netip.Addr {
	if netip.MustParseAddr(vip).Is6() {
		return netip.MustParseAddr("fd00:10::2")
	}
	return netip.MustParseAddr("10.10.0.2")
}

// behind is the frame as it leaves by eth1.
func behind(in frame, mode ServiceMode, backend string) sent {
	s := sent{in: in, mode: mode, from: outer4, to: backend, dmac: hostMAC(11), smac: routerMAC(11)}
	if netip.MustParseAddr(backend).Is6() {
		s.from = outer6
	}
	return s
}

func TestStageBalance(t *testing.T) { runRows(t, "balance", balanceGroups()) }

func balanceGroups() []group {
	return slices.Concat(modeGroups(), []group{l2Group(), fragmentGroup(), errorGroup(), refusedGroup(), hopGroup(), portGroup()})
}

// modeGroups are all forms of tunnel; each also goes out with and without tags.
func modeGroups() []group {
	var groups []group
	for _, mode := range []ServiceMode{IPIP, GUE} {
		for _, form := range []struct{ name, vip, backend string }{
			{"4in4", vip4, backend4}, {"6in6", vip6, backend6}, {"4in6", vip4, backend6}, {"6in4", vip6, backend4},
		} {
			g := group{name: string(mode) + " " + form.name, change: balanced(
				oneBackend("tcp", form.vip, TCP, mode, form.backend, 80),
				oneBackend("udp", form.vip, UDP, mode, form.backend, 53))}
			for name, in := range everyPacket(form.vip) {
				g.rows = append(g.rows, balancedRow(name, in, mode, form.backend))
			}
			groups = append(groups, g)
		}
	}
	return groups
}

// balancedRow expects the source port and flow label that the hash gives, flowRow
// those of the flow of another frame.
func balancedRow(name string, in frame, mode ServiceMode, backend string) row {
	return flowRow(name, in, in, mode, backend)
}

func flowRow(name string, in, flow frame, mode ServiceMode, backend string) row {
	out := behind(in, mode, backend)
	hash := hashOf(flow.Bytes(), 0)
	out.flowLabel, out.port = hash&0xfffff, uint16(0xc000|hash&0x3fff)
	return row{name: name, in: in, reason: "balance", out: out}
}

func everyPacket(vip string) map[string]*testkit.Frame {
	return map[string]*testkit.Frame{
		"SYN":               toVIP(vip).TCP(1024, 80, testkit.SYN),
		"data":              toVIP(vip).TCP(1024, 80, testkit.ACK).Payload(101),
		"large":             toVIP(vip).TCP(1024, 80, testkit.ACK).Payload(1380),
		"UDP":               toVIP(vip).UDP(1024, 53).Payload(32),
		"UDP of odd length": toVIP(vip).UDP(1024, 53).Payload(33),
		"no checksum":       toVIP(vip).UDP(1024, 53).NoChecksum().Payload(33),
		"TOS":               toVIP(vip).TOS(0xb9).TCP(1024, 80, testkit.ACK),
		"TTL 1":             toVIP(vip).TTL(1).TCP(1024, 80, testkit.ACK),
		"trailer":           toVIP(vip).TCP(1024, 80, testkit.ACK).Trailer(6),
		"flow label":        toVIP(vip).FlowLabel(0x12345).TCP(1024, 80, testkit.ACK),
	}
}

// l2Group: the packet itself goes on, one hop older.
func l2Group() group {
	rows := []row{}
	for _, vip := range []string{vip4, vip6} {
		for name, in := range everyPacket(vip) {
			if name != "TTL 1" && name != "trailer" {
				rows = append(rows, row{name: vip + " " + name, in: in, reason: "balance", out: behind(in, L2, backend6)})
			}
		}
		rows = append(rows,
			row{name: vip + " TTL 1", in: toVIP(vip).TTL(1).TCP(1024, 80, testkit.ACK), reason: "drop_ttl"},
			row{name: vip + " TTL 2", in: toVIP(vip).TTL(2).TCP(1024, 80, testkit.ACK), reason: "balance",
				out: behind(toVIP(vip).TTL(2).TCP(1024, 80, testkit.ACK), L2, backend4)})
	}
	return group{name: "l2", rows: rows, change: balanced(
		oneBackend("tcp4", vip4, TCP, L2, backend4, 80), oneBackend("udp4", vip4, UDP, L2, backend4, 53),
		oneBackend("tcp6", vip6, TCP, L2, backend6, 80), oneBackend("udp6", vip6, UDP, L2, backend6, 53))}
}

// fragmentGroup: one can go on only where the ports don't matter.
func fragmentGroup() group {
	source := oneBackend("source", vip4, UDP, IPIP, backend4, 53)
	source.Affinity = AffinitySource
	source6 := oneBackend("source6", vip6, UDP, IPIP, backend6, 53)
	source6.Affinity = AffinitySource
	two, other := oneBackend("two", "203.0.113.11", UDP, IPIP, backend4, 53), oneBackend("other", "203.0.113.11", UDP, IPIP, backend4, 54)
	two.Affinity, other.Affinity = AffinitySource, AffinitySource
	ports := oneBackend("ports", vip4, TCP, IPIP, backend4, 80)
	ports6 := oneBackend("ports6", vip6, TCP, IPIP, backend6, 80)
	first := toVIP(vip4).Fragment(0x2000).UDP(1024, 53).Payload(16)
	later := toVIP(vip4).Fragment(0x0003).Protocol(testkit.ProtoUDP).Payload(24)
	first6 := toVIP(vip6).Fragment(0x0001).UDP(1024, 53).Payload(16)
	later6 := toVIP(vip6).Fragment(0x0018).Protocol(testkit.ProtoUDP).Payload(24)
	to := func(name string, in *testkit.Frame, backend string) row {
		out := behind(in, IPIP, backend)
		out.flowLabel = hashOfSource(in.Bytes(), 0) & 0xfffff
		return row{name: name, in: in, reason: "balance", out: out}
	}
	return group{name: "fragments", change: balanced(source, source6, two, other, ports, ports6), rows: []row{
		to("first, by source", first, backend4),
		to("later, by source", later, backend4),
		to("first in IPv6, by source", first6, backend6),
		to("later in IPv6, by source", later6, backend6),
		{name: "first, of another port", in: toVIP(vip4).Fragment(0x2000).UDP(1024, 54).Payload(16), reason: "pass_fragment"},
		{name: "first, by ports", in: toVIP(vip4).Fragment(0x2000).TCP(1024, 80, testkit.ACK).Payload(12), reason: "drop_fragment"},
		{name: "later, by ports", in: toVIP(vip4).Fragment(0x0003).Protocol(testkit.ProtoTCP).Payload(24), reason: "drop_fragment"},
		{name: "first in IPv6, by ports", in: toVIP(vip6).Fragment(0x0001).TCP(1024, 80, testkit.ACK).Payload(12), reason: "drop_fragment"},
		{name: "later in IPv6, by ports", in: toVIP(vip6).Fragment(0x0018).Protocol(testkit.ProtoTCP).Payload(24), reason: "drop_fragment"},
		{name: "later, of two services", in: toVIP("203.0.113.11").Fragment(0x0003).Protocol(testkit.ProtoUDP).Payload(24), reason: "drop_fragment"},
		{name: "of a protocol without services", in: toVIP(vip4).Fragment(0x0003).Protocol(testkit.ProtoICMP).Payload(24), reason: "pass_fragment"},
		{name: "first without ports", in: toVIP(vip4).Fragment(0x2000).Protocol(testkit.ProtoUDP).Payload(2), reason: "pass_fragment"},
	}}
}

// quoting is an ICMP error about a packet that the service sent to the client.
func quoting(vip string, kind, code uint8, about *testkit.Frame) *testkit.Frame {
	_, _, quoted := l2Of(about.Bytes())
	return toVIP(vip).ICMP(kind, code).Data(quoted...)
}

// errorGroup: they follow the flow that they are about.
func errorGroup() group {
	flow4, flow6 := toVIP(vip4).TCP(1024, 80, testkit.ACK), toVIP(vip6).TCP(1024, 80, testkit.ACK)
	reply4, reply6 := fromVIP(vip4).TCP(80, 1024, testkit.ACK), fromVIP(vip6).TCP(80, 1024, testkit.ACK)
	return group{name: "ICMP errors", change: balanced(oneBackend("4", vip4, TCP, GUE, backend6, 80), oneBackend("6", vip6, TCP, GUE, backend6, 80)),
		rows: []row{
			flowRow("too big", quoting(vip4, 3, 4, reply4), flow4, GUE, backend6),
			flowRow("time exceeded", quoting(vip4, 11, 0, reply4), flow4, GUE, backend6),
			flowRow("parameter", quoting(vip4, 12, 0, reply4), flow4, GUE, backend6),
			flowRow("unreachable in IPv6", quoting(vip6, 1, 4, reply6), flow6, GUE, backend6),
			flowRow("too big in IPv6", quoting(vip6, 2, 0, reply6), flow6, GUE, backend6),
			{name: "redirect", in: quoting(vip4, 5, 0, reply4), reason: "pass_no_route"},
			{name: "echo", in: toVIP(vip4).ICMP(8, 0), reason: "pass_no_route"},
			{name: "echo in IPv6", in: toVIP(vip6).ICMP(128, 0), reason: "pass_no_route"},
			{name: "about another port", in: quoting(vip4, 3, 4, fromVIP(vip4).TCP(81, 1024, testkit.ACK)), reason: "pass_no_route"},
			{name: "about another port in IPv6", in: quoting(vip6, 2, 0, fromVIP(vip6).TCP(81, 1024, testkit.ACK)), reason: "pass_no_route"},
			{name: "about another's packet", in: quoting(vip4, 3, 4, fromVIP("203.0.113.99").TCP(80, 1024, testkit.ACK)), reason: "pass_no_route"},
			{name: "about a later fragment", in: quoting(vip4, 3, 4, fromVIP(vip4).Fragment(3).TCP(80, 1024, testkit.ACK)), reason: "pass_no_route"},
			{name: "that quotes too little", in: toVIP(vip4).ICMP(3, 4).Payload(23), reason: "pass_no_route"},
		}}
}

// refusedGroup: what is dropped, and what is none of the service's.
func refusedGroup() group {
	none := oneBackend("none", "203.0.113.12", TCP, IPIP, backend4, 80)
	none.Backends[0].Accept, none.Backends[0].Alive = false, false
	empty := oneBackend("empty", "203.0.113.13", TCP, IPIP, backend4, 80)
	empty.Backends = nil
	return group{name: "refused", change: balanced(oneBackend("4", vip4, TCP, IPIP, backend4, 80), oneBackend("6", vip6, TCP, IPIP, backend6, 80), none, empty),
		rows: []row{
			{name: "options", in: toVIP(vip4).Options(7, 4, 0, 0).TCP(1024, 80, testkit.ACK), reason: "drop_header"},
			{name: "options, another port", in: toVIP(vip4).Options(7, 4, 0, 0).TCP(1024, 81, testkit.ACK), reason: "pass_header"},
			{name: "destination options", in: toVIP(vip6).Extension(60, []byte{1, 4, 0, 0, 0, 0}).TCP(1024, 80, testkit.ACK), reason: "drop_header"},
			{name: "two extension headers", in: toVIP(vip6).Extension(0, []byte{1, 4, 0, 0, 0, 0}).Extension(60, []byte{1, 4, 0, 0, 0, 0}).TCP(1024, 80, testkit.ACK), reason: "drop_header"},
			{name: "destination options, another port", in: toVIP(vip6).Extension(60, []byte{1, 4, 0, 0, 0, 0}).TCP(1024, 81, testkit.ACK), reason: "pass_header"},
			{name: "ESP", in: toVIP(vip6).Protocol(50).Payload(64), reason: "pass_header"},
			{name: "another port", in: toVIP(vip4).TCP(1024, 81, testkit.ACK), reason: "pass_no_route"},
			{name: "port 0", in: toVIP(vip4).TCP(1024, 0, testkit.ACK), reason: "pass_no_route"},
			{name: "another protocol", in: toVIP(vip4).UDP(1024, 80), reason: "pass_no_route"},
			{name: "another address", in: toVIP("203.0.113.99").TCP(1024, 80, testkit.ACK), reason: "pass_no_route"},
			{name: "the IP packet ends before the ports", in: toVIP(vip4).TCP(1024, 80, testkit.ACK).Length(22), reason: "pass_truncated"},
			{name: "a bad checksum", in: toVIP(vip4).TCP(1024, 80, testkit.ACK).BadChecksum(), reason: "pass_header"},
			{name: "no backend accepts", in: toVIP("203.0.113.12").TCP(1024, 80, testkit.SYN), reason: "drop_no_backend"},
			{name: "no backend at all", in: toVIP("203.0.113.13").TCP(1024, 80, testkit.SYN), reason: "drop_no_backend"},
		}}
}

// hopGroup: ways to backends that are not as they should be. The FIB answers for
// those that are not resolved, as it does for forwarded packets.
func hopGroup() group {
	asked := oneBackend("asked", vip4, TCP, IPIP, "10.205.0.7", 80)
	asked6 := oneBackend("asked6", vip6, TCP, IPIP, "fd00:205::7", 80)
	silent := oneBackend("silent", vip4, TCP, IPIP, "10.204.0.7", 81)
	nowhere := oneBackend("nowhere", vip4, TCP, IPIP, "10.201.0.7", 82)
	down := oneBackend("down", vip4, TCP, IPIP, backend4, 83)
	back := oneBackend("back", vip4, TCP, IPIP, "10.99.0.5", 84)
	vlan := oneBackend("vlan", vip4, TCP, IPIP, "10.99.0.6", 85)
	small := oneBackend("small", vip4, TCP, IPIP, "10.99.0.7", 86)
	small6 := oneBackend("small6", vip6, TCP, GUE, "fd00:99::7", 86)
	change := and(balanced(asked, asked6, silent, nowhere, down, back, vlan, small, small6), func(s *State) {
		for _, unresolved := range []string{"10.205.0.7", "fd00:205::7", "10.204.0.7", "10.201.0.7"} {
			delete(s.NextHops, netip.MustParseAddr(unresolved))
		}
		l3Named(s, "eth2").Up = false
		s.hop(backend4, "eth2", 1500)
		s.hop("10.99.0.5", "eth0", 1500)
		s.hop("10.99.0.6", "vlan6", 1500)
		s.hop("10.99.0.7", "eth1", 1300)
		s.hop("fd00:99::7", "eth1", 1400)
	})
	syn := func(port uint16) *testkit.Frame { return toVIP(vip4).TCP(1024, port, testkit.SYN) }
	out := func(in frame, backend string, at func(*sent)) sent {
		s := behind(in, IPIP, backend)
		at(&s)
		return s
	}
	hash6 := func(s *sent) { s.flowLabel = hashOf(s.in.Bytes(), 0) & 0xfffff }
	eth0 := func(s *sent) { s.dmac, s.smac = hostMAC(10), routerMAC(10) }
	vlan6 := func(s *sent) { s.dmac, s.smac, s.vid = hostMAC(16), routerMAC(16), 6 }
	tagged := on5To(vip4)
	fits, over := toVIP(vip4).TCP(1024, 86, testkit.ACK).Payload(1240), toVIP(vip4).TCP(1024, 86, testkit.ACK).Payload(1241)
	over6 := toVIP(vip6).TCP(1024, 86, testkit.ACK).Payload(1293)
	overTagged := on5To(vip4).TCP(1, 86, testkit.ACK).Payload(1300)
	return group{name: "next hops", change: change, rows: []row{
		{name: "not resolved", in: syn(80), reason: "balance", out: behind(syn(80), IPIP, "10.205.0.7")},
		{name: "not resolved in IPv6", in: toVIP(vip6).TCP(1024, 80, testkit.SYN), reason: "balance",
			out: out(toVIP(vip6).TCP(1024, 80, testkit.SYN), "fd00:205::7", hash6)},
		{name: "no neighbour", in: syn(81), reason: "drop_no_neighbour"},
		{name: "no route", in: syn(82), reason: "drop_no_neighbour"},
		{name: "the device is down", in: syn(83), reason: "drop_emit"},
		{name: "by the port that it came in by", in: syn(84), reason: "balance", tx: true, out: out(syn(84), "10.99.0.5", eth0)},
		{name: "into a VLAN", in: syn(85), reason: "balance", out: out(syn(85), "10.99.0.6", vlan6)},
		{name: "out of a VLAN", in: tagged.TCP(1024, 80, testkit.SYN), reason: "balance", out: behind(tagged, IPIP, "10.205.0.7")},
		{name: "as large as fits", in: fits, reason: "balance", out: behind(fits, IPIP, "10.99.0.7")},
		{name: "too big", in: over, reason: "drop_too_big", tx: true, out: tooBig{over, 1280}},
		{name: "too big in IPv6", in: over6, reason: "drop_too_big", tx: true, out: tooBig{over6, 1352}},
		{name: "too big in a VLAN", in: overTagged, reason: "drop_too_big", tx: true, out: tooBig{overTagged, 1280}},
		{name: "a fragment too big is not answered", in: toVIP(vip4).Fragment(0x2000).TCP(1024, 86, testkit.ACK).Payload(1300), reason: "drop_fragment"},
	}}
}

// portGroup: more ports than the record of an address has room for, and services
// of all others.
func portGroup() group {
	many := oneBackend("many", vip4, TCP, IPIP, backend4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	single := oneBackend("single", vip4, TCP, GUE, backend4, 11)
	rest := oneBackend("rest", vip4, UDP, IPIP, backend4)
	exact := oneBackend("exact", vip4, UDP, GUE, backend4, 53)
	tcp := func(port uint16) *testkit.Frame { return toVIP(vip4).TCP(1024, port, testkit.ACK) }
	rows := []row{
		{name: "none of them", in: tcp(12), reason: "pass_no_route"},
		balancedRow("the other service", tcp(11), GUE, backend4),
		balancedRow("any port", toVIP(vip4).UDP(1024, 54), IPIP, backend4),
		balancedRow("any port, 0", toVIP(vip4).UDP(1024, 0), IPIP, backend4),
		balancedRow("the exact one first", toVIP(vip4).UDP(1024, 53), GUE, backend4),
	}
	for port := uint16(1); port <= 10; port++ {
		rows = append(rows, balancedRow("one of many", tcp(port), IPIP, backend4))
	}
	return group{name: "ports", change: balanced(many, single, rest, exact), rows: rows}
}
