// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// vip4 and vip6 have services in newServices.
const vip4, vip6 = "192.0.2.80", "2001:db8:80::80"

// aService has one backend, behind eth1.
func aService(name, vip string, protocol dataplane.Protocol, backend string, ports ...uint16) dataplane.Service {
	return dataplane.Service{Name: name, Address: netip.MustParseAddr(vip), Protocol: protocol, Ports: ports, TableSize: 31,
		Mode: dataplane.IPIP, Affinity: dataplane.AffinityNone, Tracking: dataplane.TrackChanged,
		Backends: []dataplane.Backend{{Address: netip.MustParseAddr(backend), Weight: 1, Alive: true, Accept: true}}}
}

func services(all ...dataplane.Service) func(*Model) {
	return func(m *Model) {
		m.State.Services = all
		m.State.Balance = dataplane.Balance{GUEPort: 6080, Source4: netip.MustParsePrefix("172.31.0.0/16"), Source6: netip.MustParsePrefix("100::/64")}
		m.State.NextHops = map[netip.Addr]dataplane.NextHop{}
	}
}

func source(s dataplane.Service) dataplane.Service {
	s.Affinity = dataplane.AffinitySource
	return s
}

func mode(mode dataplane.ServiceMode, s dataplane.Service) dataplane.Service {
	s.Mode = mode
	return s
}

func toVIP4() *testkit.Frame { return to0().IPv4("10.1.0.5", vip4) }
func toVIP6() *testkit.Frame { return to0().IPv6("2001:db8:1::5", vip6) }

// TestBalance: where packets to services end.
func TestBalance(t *testing.T) {
	tcp, tcp6 := aService("tcp", vip4, dataplane.TCP, "10.3.0.5", 80), aService("tcp6", vip6, dataplane.TCP, "2001:db8:3::5", 80)
	none := aService("none", vip4, dataplane.TCP, "10.3.0.5", 80)
	none.Backends[0].Accept = false
	quoting := func(from string) []byte {
		return toVIP4().ICMP(3, 1).Data(to0().IPv4(from, "10.1.0.5").TCP(80, 7, testkit.ACK).Bytes()[14:]...).Bytes()
	}
	down := func(m *Model) { services(tcp)(m); m.State.L3[2].Up = false }
	rows := []row{
		{"its port", toVIP4().TCP(7, 80, testkit.SYN).Bytes(), services(tcp), "balance"},
		{"another port", toVIP4().TCP(7, 81, testkit.SYN).Bytes(), services(tcp), "pass_no_route"},
		{"another protocol", toVIP4().UDP(7, 80).Bytes(), services(tcp), "pass_no_route"},
		{"any port", toVIP4().TCP(7, 81, testkit.SYN).Bytes(), services(aService("any", vip4, dataplane.TCP, "10.3.0.5")), "balance"},
		{"later fragment", toVIP4().Fragment(8).Protocol(testkit.ProtoTCP).Payload(24).Bytes(), services(tcp), "drop_fragment"},
		{"by source", toVIP4().Fragment(8).Protocol(testkit.ProtoTCP).Payload(24).Bytes(), services(source(tcp)), "balance"},
		{"of one of two", toVIP4().Fragment(8).Protocol(testkit.ProtoTCP).Payload(24).Bytes(),
			services(source(tcp), source(aService("any", vip4, dataplane.TCP, "10.3.0.5"))), "drop_fragment"},
		{"options", toVIP4().Options(1, 1, 1, 1).TCP(7, 80, testkit.SYN).Bytes(), services(tcp), "drop_header"},
		{"extension header", toVIP6().Extension(60, make([]byte, 6)).TCP(7, 80, testkit.SYN).Bytes(), services(tcp6), "drop_header"},
		{"four of them", toVIP6().Extension(60, make([]byte, 6)).Extension(0, make([]byte, 14)).Extension(43, make([]byte, 6)).
			Extension(51, make([]byte, 6)).TCP(7, 80, testkit.SYN).Bytes(), services(tcp6), "drop_header"},
		{"TTL", toVIP4().TTL(1).TCP(7, 80, testkit.SYN).Bytes(), services(mode(dataplane.L2, tcp)), "drop_ttl"},
		{"TTL in a tunnel", toVIP4().TTL(1).TCP(7, 80, testkit.SYN).Bytes(), services(tcp), "balance"},
		{"nobody accepts", toVIP4().TCP(7, 80, testkit.SYN).Bytes(), services(none), "drop_no_backend"},
		{"silent backend", toVIP4().TCP(7, 80, testkit.SYN).Bytes(), services(aService("silent", vip4, dataplane.TCP, "10.3.0.9", 80)), "drop_no_neighbour"},
		{"too big", toVIP4().TCP(7, 80, testkit.ACK).Payload(1341).Bytes(), services(tcp), "drop_too_big"},
		{"as large as fits", toVIP4().TCP(7, 80, testkit.ACK).Payload(1340).Bytes(), services(tcp), "balance"},
		{"egress is down", toVIP4().TCP(7, 80, testkit.ACK).Bytes(), down, "drop_emit"},
		{"ICMP error", quoting(vip4), services(tcp), "balance"},
		{"about another's packet", quoting("192.0.2.81"), services(tcp), "pass_no_route"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := newModel()
			m.State.Classes[netip.MustParsePrefix("10.0.0.0/8")] = dataplane.Allow
			row.edit(m)
			got := m.Run(1, row.frame)
			if got.Reason != row.want {
				t.Errorf("got %s, want %s", got.Reason, row.want)
			}
			if sent := got.Reason == "balance" || got.Reason == "drop_too_big"; sent != (got.Out != nil) {
				t.Errorf("%s with output %x", got.Reason, got.Out)
			}
		})
	}
}

// TestOuterChecksum: the UDP checksum over IPv6, made without a look at what is
// carried, is right if that is.
func TestOuterChecksum(t *testing.T) {
	for name, frame := range map[string]*testkit.Frame{
		"TCP":                toVIP4().TCP(7, 80, testkit.ACK).Payload(101),
		"UDP":                toVIP4().UDP(7, 80).Payload(32),
		"without a checksum": toVIP4().UDP(7, 80).NoChecksum().Payload(33),
		"ICMP": toVIP4().ICMP(3, 1).
			Data(to0().IPv4(vip4, "10.1.0.5").TCP(80, 7, testkit.ACK).Bytes()[14:]...),
		"fragment":     toVIP4().Fragment(8).Protocol(testkit.ProtoUDP).Payload(25),
		"TCP in IPv6":  toVIP6().TCP(7, 80, testkit.ACK).Payload(101),
		"UDP in IPv6":  toVIP6().UDP(7, 80).Payload(32),
		"ICMP in IPv6": toVIP6().ICMP(1, 0).Data(to0().IPv6(vip6, "2001:db8:1::5").UDP(80, 7).Bytes()[14:]...),
	} {
		t.Run(name, func(t *testing.T) {
			m := newModel()
			var all []dataplane.Service
			for _, vip := range []string{vip4, vip6} {
				for _, protocol := range []dataplane.Protocol{dataplane.TCP, dataplane.UDP} {
					s := source(mode(dataplane.GUE, aService(vip+protocol.String(), vip, protocol, "2001:db8:3::5")))
					all = append(all, s)
				}
			}
			services(all...)(m)
			got := m.Run(1, frame.Bytes())
			if got.Reason != "balance" {
				t.Fatalf("%s", got.Reason)
			}
			outer := got.Out[14:]
			udp := outer[40:]
			pseudo := testkit.PseudoHeader(netip.AddrFrom16([16]byte(outer[8:24])), netip.AddrFrom16([16]byte(outer[24:40])), len(udp), testkit.ProtoUDP)
			if sum := testkit.Checksum(append(pseudo, udp...)); sum != 0 || udp[6] == 0 && udp[7] == 0 {
				t.Errorf("the outer checksum is off by %04x in %x", sum, got.Out)
			}
		})
	}
}
