// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// genServices puts services on a few addresses into a state: one or several of a
// protocol, of some ports, many, or any. No two states have one of the same name.
func genServices(r *rand.Rand, t *Topology, s *dataplane.State) {
	s.Balance = dataplane.Balance{Seed: r.Uint64(), GUEPort: 6080, ICMPRate: 1 << 30,
		Source4: pick(r, netip.MustParsePrefix("172.31.0.0/16"), netip.MustParsePrefix("172.31.7.7/32")),
		Source6: pick(r, netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("100::7:0/112"), netip.MustParsePrefix("100::9/128"))}
	s.NextHops = map[netip.Addr]dataplane.NextHop{}
	for _, vip := range genServiceAddresses(r, t) {
		for _, protocol := range []dataplane.Protocol{dataplane.TCP, dataplane.UDP} {
			for _, ports := range genPorts(r) {
				s.Services = append(s.Services, genService(r, t, s, vip, protocol, ports))
			}
		}
	}
	for i := range s.Services {
		s.Services[i].Name = fmt.Sprintf("%x-%d", r.Uint32(), i)
	}
}

// genServiceAddresses are some of no host, and sometimes one of a host or the
// router.
func genServiceAddresses(r *rand.Rand, t *Topology) []netip.Addr {
	var all []netip.Addr
	for n := range 1 + r.IntN(2) {
		all = append(all, nth(netip.MustParsePrefix("203.0.113.0/24"), n), nth(netip.MustParsePrefix("2001:db8:cafe::/48"), n))
	}
	if chance(r, 20) {
		all = append(all, pick(r, t.Local...))
	}
	if chance(r, 20) {
		all = append(all, pick(r, t.Hosts[t.L3[0].Ifindex]...))
	}
	return all
}

// genPorts shares ports out among none, one or more services; nil is any port.
func genPorts(r *rand.Rand) [][]uint16 {
	var many []uint16
	for port := range uint16(3 + r.IntN(30)) {
		many = append(many, 8000+port)
	}
	return pick(r,
		nil,
		[][]uint16{nil},
		[][]uint16{{53, 80}},
		[][]uint16{{80}, {53, 443}},
		[][]uint16{{80, 443}, nil},
		[][]uint16{many},
		[][]uint16{many, {80}, nil},
	)
}

func genService(r *rand.Rand, t *Topology, s *dataplane.State, vip netip.Addr, protocol dataplane.Protocol, ports []uint16) dataplane.Service {
	one := dataplane.Service{Address: vip, Protocol: protocol, Ports: ports, TableSize: pick(r, 31, 61, 251),
		Mode:     pick(r, dataplane.IPIP, dataplane.GUE, dataplane.GUE, dataplane.L2),
		Affinity: pick(r, dataplane.AffinityNone, dataplane.AffinityNone, dataplane.AffinitySource),
		Tracking: pick(r, dataplane.TrackChanged, dataplane.TrackChanged, dataplane.TrackAlways, dataplane.TrackNever)}
	for range pick(r, 0, 1, 2, 3, 4, 5, 6, 6, 6, 6) {
		a := genHost(r, t)
		family := one.Mode != dataplane.L2 || a.Is4() == vip.Is4()
		if !family || slices.ContainsFunc(one.Backends, func(b dataplane.Backend) bool { return b.Address == a }) {
			continue
		}
		b := dataplane.Backend{Address: a, Weight: pick(r, uint16(0), 1, 1, 2, 3, 9), Alive: !chance(r, 10)}
		b.Accept = b.Alive && !chance(r, 10)
		one.Backends = append(one.Backends, b)
		if chance(r, 70) {
			s.NextHops[a] = genNextHop(r, t)
		}
	}
	return one
}

// genNextHop is a way by any interface, sometimes one that isn't there or isn't
// resolved.
func genNextHop(r *rand.Rand, t *Topology) dataplane.NextHop {
	hop := dataplane.NextHop{Egress: pick(r, t.L3...).Ifindex, MAC: dataplane.MAC{2, 7, 7, 7, 7, byte(r.IntN(256))}}
	hop.MTU = pick(r, 0, 1200, 1280, 1400, 1500, 9000)
	if chance(r, 3) {
		hop.Egress = 70000
	}
	if chance(r, 3) {
		hop.MAC = dataplane.MAC{}
	}
	return hop
}

// GenServiceFrame makes a random frame to one of the services of a state, which
// must have some, and names the port it arrives on. Most would go to a backend.
func GenServiceFrame(r *rand.Rand, t *Topology, s *dataplane.State) (port int, frame []byte) {
	port, ingress := genIngress(r, t)
	service := pick(r, s.Services...)
	f := testkit.NewFrame(genMAC(r, ingress.MAC), dataplane.MAC{2, 1, 0, 0, 0, byte(r.IntN(256))})
	genTags(r, f, ingress.VID)
	source := pick(r, t.Hosts[ingress.Ifindex]...)
	for source.Is4() != service.Address.Is4() {
		source = genHost(r, t)
	}
	genFlowFrame(r, f, service, source)
	genLie(r, f)
	if chance(r, 20) {
		f.Trailer(r.IntN(64))
	}
	return port, mutate(r, f.Bytes())
}

func genFlowFrame(r *rand.Rand, f *testkit.Frame, s dataplane.Service, source netip.Addr) {
	f.IP(source, s.Address).TOS(uint8(r.IntN(256))).TTL(uint8(2 + r.IntN(254))).ID(uint16(r.IntN(1 << 16))).FlowLabel(r.Uint32())
	if chance(r, 5) {
		f.TTL(uint8(r.IntN(3)))
	}
	switch r.IntN(20) {
	case 0, 1, 2:
		genError(r, f, s, source)
		return
	case 3, 4:
		f.Fragment(pick(r, uint16(0x2000), 0x2001, 8, 16, 1))
	case 5, 6:
		for range 1 + r.IntN(5) {
			if s.Address.Is4() {
				f.Options(7, 4, 0, 0)
			} else {
				f.Extension(pick(r, extensionHeaders...), make([]byte, 6+8*r.IntN(3)))
			}
		}
	}
	genPortsOf(r, f, s)
	f.Payload(pick(r, 0, r.IntN(40), r.IntN(40), 1000+r.IntN(480), 1100+r.IntN(280)))
}

// genPortsOf makes a packet of the service's protocol, or nearly so.
func genPortsOf(r *rand.Rand, f *testkit.Frame, s dataplane.Service) {
	source, destination := uint16(r.IntN(1<<16)), pick(r, uint16(53), 80, 443, 8003, 8020, 0, uint16(r.IntN(1<<16)))
	if len(s.Ports) > 0 && chance(r, 80) {
		destination = pick(r, s.Ports...)
	}
	switch {
	case chance(r, 3):
		f.Protocol(uint8(s.Protocol)) // without its header
	case (s.Protocol == dataplane.TCP) != chance(r, 5):
		f.TCP(source, destination, uint8(r.IntN(64))|pick(r, 0, uint8(testkit.SYN)))
	case chance(r, 15):
		f.UDP(source, destination).NoChecksum()
	default:
		f.UDP(source, destination)
	}
}

// genError makes an ICMP message, mostly an error about a packet that the service
// sent.
func genError(r *rand.Rand, f *testkit.Frame, s dataplane.Service, source netip.Addr) {
	from := s.Address
	if chance(r, 5) {
		from = source
	}
	about := testkit.NewFrame([6]byte{}, [6]byte{}).IP(from, source)
	if chance(r, 5) {
		about.Fragment(pick(r, uint16(0x2000), 8))
	}
	destination := uint16(80)
	if len(s.Ports) > 0 {
		destination = pick(r, s.Ports...)
	}
	if s.Protocol == dataplane.TCP {
		about.TCP(destination, uint16(r.IntN(1<<16)), testkit.ACK)
	} else {
		about.UDP(destination, uint16(r.IntN(1<<16)))
	}
	quoted := about.Payload(r.IntN(100)).Bytes()[14:]
	if chance(r, 10) {
		quoted = quoted[:r.IntN(len(quoted))]
	}
	kind := pick(r, uint8(3), 11, 12, 3, 5, 8)
	if s.Address.Is6() {
		kind = pick(r, uint8(1), 2, 3, 4, 128, 135)
	}
	f.ICMP(kind, uint8(r.IntN(6))).Data(quoted...)
	if chance(r, 10) { // what is quoted is in the frame, but not in the packet
		f.Length(28 + r.IntN(60))
	}
}
