// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"clearway/internal/testkit"
)

// Addresses with rules of one port, and of any.
const (
	puntOne4, puntOne6 = "203.0.113.53", "2001:db8:cafe::53"
	puntAny4, puntAny6 = "203.0.113.54", "2001:db8:cafe::54"
)

func puntRuleOf(name string, protocol Protocol, address string, port uint16) PuntRule {
	return PuntRule{Name: name, Protocol: protocol, Address: netip.MustParseAddr(address), Port: port}
}

func puntRules() []PuntRule {
	return []PuntRule{
		puntRuleOf("dns", UDP, puntOne4, 53), puntRuleOf("dns tcp", TCP, puntOne4, 53),
		puntRuleOf("dns6", UDP, puntOne6, 53), puntRuleOf("dns6 tcp", TCP, puntOne6, 53),
		puntRuleOf("any", UDP, puntAny4, 0), puntRuleOf("any6", TCP, puntAny6, 0),
	}
}

// TestStagePunt: on eth0 there is a socket, on the other ports there is none.
func TestStagePunt(t *testing.T) {
	lab := newRowLab(t)
	lab.apply(t, lab.state)
	lab.do(t, func() error {
		return lab.dp.RegisterSocket("eth0", 0, openSocket(t, lab.Host("router"), "eth0", 0).FD())
	})
	lab.runGroups(t, "punt", puntGroups())
}

func puntGroups() []group {
	rules := func(s *State) { s.Punt = puntRules() }
	local := func(s *State) {
		for _, a := range []string{puntOne4, puntOne6, puntAny4, puntAny6} {
			prefix := netip.MustParseAddr(a)
			s.Classes[netip.PrefixFrom(prefix, prefix.BitLen())] = Local
		}
	}
	return []group{
		{name: "rules", change: rules, rows: slices.Concat(puntedRows(), notPuntedRows("pass_no_route"), noSocketRows())},
		{name: "addresses of this machine", change: and(rules, local), rows: slices.Concat(puntedRows(), notPuntedRows("pass_local"), noSocketRows())},
		{name: "blocked", change: and(rules, func(s *State) { s.Classes[netip.MustParsePrefix("203.0.113.0/24")] = Block }), rows: []row{
			{name: "named", in: toVIP(puntOne4).UDP(1, 53), reason: "punt"},
			{name: "not named", in: toVIP(puntOne4).UDP(1, 54), reason: "drop_blocked"},
		}},
		besideServicesGroup(), manyRulesGroup(),
		{name: "no rules any more", rows: []row{{name: "port", in: toVIP(puntOne4).UDP(1, 53), reason: "pass_no_route"}}},
	}
}

// on5To is a frame on VLAN 5 of eth0.
func on5To(to string) *testkit.Frame {
	return testkit.NewFrame(routerMAC(15), hostMAC(15)).Tag(0xb005).IPv4("10.15.0.2", to)
}

func puntedRows() []row {
	padded := []byte{1, 4, 0, 0, 0, 0} // an option that fills an extension header
	ins := map[string]frame{
		"UDP":                          toVIP(puntOne4).UDP(1024, 53).Payload(33),
		"UDP in IPv6":                  toVIP(puntOne6).UDP(1024, 53).Payload(33),
		"TCP":                          toVIP(puntOne4).TCP(1024, 53, testkit.SYN),
		"TCP in IPv6":                  toVIP(puntOne6).TCP(1024, 53, testkit.ACK).Payload(1400),
		"no payload":                   toVIP(puntOne4).UDP(1024, 53),
		"large":                        toVIP(puntOne4).UDP(1024, 53).Payload(1472),
		"a trailer":                    toVIP(puntOne4).UDP(1024, 53).Payload(3).Trailer(15),
		"TOS":                          toVIP(puntOne4).TOS(0xff).UDP(1024, 53),
		"TTL 1":                        toVIP(puntOne4).TTL(1).UDP(1024, 53),
		"hop limit 0":                  toVIP(puntOne6).TTL(0).UDP(1024, 53),
		"any port, the first":          toVIP(puntAny4).UDP(1024, 1),
		"any port, the last":           toVIP(puntAny4).UDP(1024, 65535),
		"any port, 0":                  toVIP(puntAny4).UDP(1024, 0),
		"any port in IPv6":             toVIP(puntAny6).TCP(1024, 80, testkit.SYN),
		"VLAN":                         on5To(puntOne4).UDP(1024, 53).Payload(40),
		"VLAN, any port":               on5To(puntAny4).UDP(1024, 7),
		"priority tag":                 testkit.NewFrame(routerMAC(10), hostMAC(10)).Tag(0xe000).IPv4("10.10.0.2", puntOne4).UDP(1024, 53),
		"options":                      toVIP(puntOne4).Options(7, 4, 0, 0).UDP(1024, 53).Payload(8),
		"options, any port":            toVIP(puntAny4).Options(1, 1, 1, 0).UDP(1024, 53),
		"as many options as there are": toVIP(puntOne4).Options(make([]byte, 40)...).TCP(1024, 53, testkit.SYN),
		"destination options":          toVIP(puntOne6).Extension(60, padded).UDP(1024, 53),
		"two extension headers":        toVIP(puntOne6).Extension(0, padded).Extension(60, padded).TCP(1024, 53, testkit.SYN),
		"extension header, any port":   toVIP(puntAny6).Extension(60, padded).TCP(1024, 9, testkit.SYN),
		"from this machine":            testkit.NewFrame(routerMAC(10), hostMAC(10)).IPv4("10.10.0.1", puntOne4).UDP(1024, 53),
	}
	var rows []row
	for name, in := range ins {
		rows = append(rows, row{name: name, in: in, reason: "punt"})
	}
	return rows
}

// notPuntedRows go on as if there were no rules: rest is where whole packets end.
func notPuntedRows(rest string) []row {
	reply4 := fromVIP(puntOne4).UDP(53, 1024).Payload(8)
	reply6 := fromVIP(puntAny6).TCP(53, 1024, testkit.ACK)
	return []row{
		{name: "another port", in: toVIP(puntOne4).UDP(1024, 54), reason: rest},
		{name: "from the port", in: toVIP(puntOne4).UDP(53, 54), reason: rest},
		{name: "another port in IPv6", in: toVIP(puntOne6).TCP(1024, 54, testkit.SYN), reason: rest},
		{name: "port 0", in: toVIP(puntOne4).UDP(1024, 0), reason: rest},
		{name: "another protocol", in: toVIP(puntAny4).TCP(1024, 53, testkit.SYN), reason: rest},
		{name: "another protocol in IPv6", in: toVIP(puntAny6).UDP(1024, 53), reason: rest},
		{name: "SCTP", in: toVIP(puntAny4).Protocol(132).Payload(32), reason: rest},
		{name: "echo", in: toVIP(puntOne4).ICMP(8, 0), reason: rest},
		{name: "another address", in: toVIP("203.0.113.99").UDP(1024, 53), reason: "pass_no_route"},
		{name: "about a punted flow", in: quoting(puntOne4, 3, 4, reply4), reason: rest},
		{name: "about a punted flow in IPv6", in: quoting(puntAny6, 2, 0, reply6), reason: rest},
		{name: "ESP", in: toVIP(puntAny6).Protocol(50).Payload(64), reason: "pass_header"},
		{name: "first fragment", in: toVIP(puntOne4).Fragment(0x2000).UDP(1024, 53).Payload(16), reason: "pass_fragment"},
		{name: "later fragment", in: toVIP(puntOne4).Fragment(0x0003).Protocol(testkit.ProtoUDP).Payload(24), reason: "pass_fragment"},
		{name: "first fragment, any port", in: toVIP(puntAny4).Fragment(0x2000).UDP(1024, 53).Payload(16), reason: "pass_fragment"},
		{name: "later fragment, any port", in: toVIP(puntAny4).Fragment(0x0003).Protocol(testkit.ProtoUDP).Payload(24), reason: "pass_fragment"},
		{name: "first fragment in IPv6", in: toVIP(puntOne6).Fragment(0x0001).UDP(1024, 53).Payload(16), reason: "pass_fragment"},
		{name: "later fragment in IPv6, any port", in: toVIP(puntAny6).Fragment(0x0018).Protocol(testkit.ProtoTCP).Payload(24), reason: "pass_fragment"},
		{name: "the only fragment", in: toVIP(puntOne6).Fragment(0).UDP(1024, 53).Payload(16), reason: "pass_fragment"},
		{name: "the IP packet ends before the ports", in: toVIP(puntOne4).UDP(1024, 53).Payload(8).Length(22), reason: "pass_truncated"},
		{name: "a bad checksum", in: toVIP(puntOne4).UDP(1024, 53).BadChecksum(), reason: "pass_header"},
		{name: "another's MAC", in: testkit.NewFrame(hostMAC(11), hostMAC(10)).IPv4("10.10.0.2", puntOne4).UDP(1024, 53), reason: "pass_not_ours"},
		{name: "another's VLAN", in: testkit.NewFrame(routerMAC(10), hostMAC(10)).Tag(7).IPv4("10.10.0.2", puntOne4).UDP(1024, 53), reason: "pass_vlan"},
	}
}

func noSocketRows() []row {
	var rows []row
	for port, n := range map[string]byte{"eth1": 11, "eth2": 12} {
		to := func() *testkit.Frame { return testkit.NewFrame(routerMAC(n), hostMAC(n)) }
		rows = append(rows,
			row{name: port, port: port, in: to().IPv4("10.10.0.2", puntOne4).UDP(1024, 53).Payload(5).Trailer(20), reason: "pass_no_socket"},
			row{name: port + ", any port", port: port, in: to().IPv6("fd00:10::2", puntAny6).TCP(1024, 1, testkit.SYN), reason: "pass_no_socket"},
			row{name: port + ", options", port: port, in: to().IPv4("10.10.0.2", puntOne4).Options(7, 4, 0, 0).UDP(1024, 53), reason: "pass_no_socket"})
	}
	return rows
}

// besideServicesGroup: rules and services share addresses. A rule of one port is
// stronger than a service of any, but not for what is never punted.
func besideServicesGroup() group {
	web, rest := oneBackend("web", vip4, TCP, IPIP, backend4, 80), oneBackend("rest", vip4, UDP, IPIP, backend4)
	rest6 := oneBackend("rest6", vip6, TCP, GUE, backend6)
	rules := func(s *State) {
		s.Punt = []PuntRule{puntRuleOf("tcp", TCP, vip4, 53), puntRuleOf("udp", UDP, vip4, 53), puntRuleOf("any6", UDP, vip6, 0), puntRuleOf("one6", TCP, vip6, 53)}
	}
	reply := fromVIP(vip4).UDP(53, 1024)
	about := behind(quoting(vip4, 3, 4, reply), IPIP, backend4)
	return group{name: "beside services", change: and(balanced(web, rest, rest6), rules), rows: []row{
		{name: "the rule's port", in: toVIP(vip4).TCP(1024, 53, testkit.SYN), reason: "punt"},
		balancedRow("the service's port", toVIP(vip4).TCP(1024, 80, testkit.SYN), IPIP, backend4),
		{name: "nobody's port", in: toVIP(vip4).TCP(1024, 81, testkit.SYN), reason: "pass_no_route"},
		{name: "one port of any", in: toVIP(vip4).UDP(1024, 53), reason: "punt"},
		balancedRow("another port", toVIP(vip4).UDP(1024, 54), IPIP, backend4),
		{name: "any port of the other protocol", in: toVIP(vip6).UDP(1024, 9), reason: "punt"},
		{name: "one port of any in IPv6", in: toVIP(vip6).TCP(1024, 53, testkit.SYN), reason: "punt"},
		balancedRow("another port in IPv6", toVIP(vip6).TCP(1024, 54, testkit.SYN), GUE, backend6),
		{name: "fragment to one port of any", in: toVIP(vip4).Fragment(0x2000).UDP(1024, 53).Payload(16), reason: "drop_fragment"},
		{name: "fragment to the rule's port", in: toVIP(vip4).Fragment(0x2000).TCP(1024, 53, testkit.ACK).Payload(12), reason: "pass_fragment"},
		{name: "later fragment", in: toVIP(vip4).Fragment(0x0003).Protocol(testkit.ProtoTCP).Payload(24), reason: "drop_fragment"},
		{name: "about one port of any", in: quoting(vip4, 3, 4, reply), reason: "balance", out: about},
		{name: "options, the rule's port", in: toVIP(vip4).Options(7, 4, 0, 0).TCP(1024, 53, testkit.ACK), reason: "punt"},
		{name: "options, the service's port", in: toVIP(vip4).Options(7, 4, 0, 0).TCP(1024, 80, testkit.ACK), reason: "drop_header"},
	}}
}

// manyRulesGroup: more ports than the record of an address has room for.
func manyRulesGroup() group {
	g := group{name: "many rules", change: func(s *State) {
		for port := uint16(1); port <= 20; port++ {
			s.Punt = append(s.Punt, puntRuleOf(fmt.Sprint("rule ", port), TCP, puntOne4, port))
		}
	}}
	for _, port := range []uint16{1, 6, 7, 20} {
		g.rows = append(g.rows, row{name: fmt.Sprint("port ", port), in: toVIP(puntOne4).TCP(1024, port, testkit.ACK), reason: "punt"})
	}
	g.rows = append(g.rows, row{name: "none of them", in: toVIP(puntOne4).TCP(1024, 21, testkit.ACK), reason: "pass_no_route"})
	return g
}
