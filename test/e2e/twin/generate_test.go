// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/testkit/model"
	"clearway/internal/topo"
)

// generator makes a random scenario.
type generator struct {
	*rand.Rand
	*scenario
	rpFilter int // percent of L3 interfaces that have one
}

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// plainScenario has four ports without devices on them.
func plainScenario(r *rand.Rand, mode dataplane.Mode) *scenario {
	g := generator{r, &scenario{mode: mode}, 35}
	var ports []dataplane.Port
	var l3 []dataplane.L3Interface
	for i := range 4 {
		name, mtu := fmt.Sprintf("eth%d", i), pick(g, 1280, 1400, 1500, 1500, 2000, 3000)
		ports = append(ports, dataplane.Port{Name: name, Ifindex: i + 1, Mode: mode})
		l3 = append(l3, dataplane.L3Interface{Name: name, Ifindex: i + 1, Port: i + 1, MAC: portMAC(i), MTU: mtu})
		g.links = append(g.links, link(i, mtu))
	}
	g.topology = model.NewTopology(ports, l3)
	for i := range g.links {
		g.links[i].B.Addresses = addresses(i)
	}
	g.surroundings()
	return g.scenario
}

func portMAC(i int) dataplane.MAC { return dataplane.MAC{2, 0, 0, 0, 0, byte(i)} }

// link is port number i of the router with its far end.
func link(i, mtu int) topo.Link {
	name, mac := fmt.Sprintf("eth%d", i), portMAC(i)
	return topo.Link{
		A:   topo.End{Host: "far", Name: name, NAPI: topo.NAPIByXDP},
		B:   topo.End{Host: "router", Name: name, MAC: mac[:], NAPI: topo.NAPINone},
		MTU: mtu,
	}
}

// addresses are those of the router on L3 interface number i of the topology.
func addresses(i int) []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix(fmt.Sprintf("10.%d.0.1/24", i+10)),
		netip.MustParsePrefix(fmt.Sprintf("fd00:%d::1/64", i+10)),
	}
}

// surroundings makes up everything but the devices.
func (g generator) surroundings() {
	g.modelRoutes()
	g.neighbours()
	g.oddRoutes()
	g.multipathRoutes()
	g.policies()
	g.settings()
	if g.chance(10) {
		g.down = append(g.down, pick(g, g.topology.Ports...).Name)
	}
	g.configuration()
}

// modelRoutes adds the routes of the topology that don't come with addresses.
func (g generator) modelRoutes() {
	for _, r := range g.topology.FIB.Routes {
		unicast := r.Type == "" || r.Type == model.Unicast
		if r.Type == model.LocalRoute || unicast && !r.Gateway.IsValid() {
			continue
		}
		route := topo.Route{To: r.Prefix, Type: routeTypes[r.Type]}
		if unicast {
			route.Via, route.Device = r.Gateway, g.device(r.Egress)
			route.MTU, route.LockMTU = r.MTU, r.MTU != 0
		}
		g.routes = append(g.routes, route)
	}
}

var routeTypes = map[model.RouteType]topo.RouteType{
	model.BlackholeRoute:   topo.Blackhole,
	model.UnreachableRoute: topo.Unreachable,
	model.ProhibitRoute:    topo.Prohibit,
}

// neighbours makes most of the topology's known.
func (g generator) neighbours() {
	for i, l := range g.topology.L3 {
		for last := 2; last <= 5; last++ {
			mac := neighbourMAC(i, last)
			for _, a := range []netip.Addr{host4(i, last), host6(i, last)} {
				if last == 2 || !g.chance(10) {
					g.known = append(g.known, topo.Neighbor{Device: l.Name, Address: a, MAC: mac[:]})
				}
			}
		}
	}
}

// host4 and host6 are the neighbour with a number on L3 interface number i.
func host4(i, last int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i + 10), 0, byte(last)}) }

func host6(i, last int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("fd00:%d::%d", i+10, last))
}

func neighbourMAC(i, last int) dataplane.MAC {
	return dataplane.MAC{2, 1, 0, 0, byte(i + 10), byte(last)}
}

// gateway is a random next hop of the family of to, or of IPv6 (RFC 5549).
func (g generator) gateway(to netip.Prefix) (via netip.Addr, l3 int) {
	l3 = g.IntN(len(g.topology.L3))
	if to.Addr().Is6() || g.chance(15) {
		return host6(l3, 2+g.IntN(3)), l3
	}
	return host4(l3, 2+g.IntN(3)), l3
}

// oddRoutes adds routes with metrics, TOS and others, at random places.
func (g generator) oddRoutes() {
	for n := range 6 {
		to := netip.MustParsePrefix(fmt.Sprintf("172.%d.0.0/16", 40+n))
		if g.chance(50) {
			to = netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::/48", 400+n))
		}
		g.route(to)
		inside := netip.PrefixFrom(nth(to, 7), to.Bits()+8).Masked()
		if g.chance(30) {
			g.route(inside) // more specific
		}
	}
	if g.chance(40) {
		g.route(netip.MustParsePrefix("0.0.0.0/0"))
	}
	if g.chance(40) {
		g.route(netip.MustParsePrefix("::/0"))
	}
}

func (g generator) route(to netip.Prefix) {
	via, l3 := g.gateway(to)
	r := topo.Route{To: to, Via: via, Device: g.topology.L3[l3].Name}
	switch g.IntN(8) {
	case 0, 1:
		r.MTU = pick(g, 600, 1280, 1300, 9000)
	case 2:
		r.MTU, r.LockMTU = pick(g, 600, 1280, 1300, 9000), true
	case 3:
		if to.Addr().Is4() {
			r.TOS = pick(g, 0x08, 0x10, 0x04)
		}
	case 4:
		r = topo.Route{To: to, Type: pick(g, topo.Blackhole, topo.Unreachable, topo.Prohibit, topo.Throw)}
	case 5:
		r.Via = netip.Addr{} // on the link
	}
	if r.MTU != 0 && to.Addr().Is6() {
		r.MTU = max(r.MTU, 1280)
	}
	g.routes = append(g.routes, r)
	for range 3 {
		g.topology.Odd = append(g.topology.Odd, nth(to, 2+g.IntN(200)))
	}
}

// nth address of a prefix.
func nth(p netip.Prefix, n int) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	b[len(b)-1] |= byte(n)
	a, _ := netip.AddrFromSlice(b)
	return a
}

// multipathRoutes adds one a family, over hops of equal MTU: Linux may choose
// another hop than the helper, and should have no other reason to refuse it.
func (g generator) multipathRoutes() {
	for _, text := range []string{"172.60.0.0/16", "2001:db8:600::/48"} {
		to := netip.MustParsePrefix(text)
		m := multipath{to: to, hops: map[place]bool{}}
		r := topo.Route{To: to}
		for range 2 + g.IntN(2) {
			via, i := g.gateway(to)
			l := g.topology.L3[i]
			if l.MTU != g.topology.L3[0].MTU || !g.isPort(l.Port) {
				continue
			}
			last := via.AsSlice()[via.BitLen()/8-1]
			mac := neighbourMAC(i, int(last))
			g.known = append(g.known, topo.Neighbor{Device: l.Name, Address: via, MAC: mac[:]})
			r.Hops = append(r.Hops, topo.Hop{Via: via, Device: l.Name, Weight: 1 + g.IntN(3)})
			m.hops[place{g.device(l.Port), l.VID, mac}] = true
		}
		if len(m.hops) < 2 || len(m.hops) != len(r.Hops) {
			continue // the kernel refuses equal hops
		}
		g.routes = append(g.routes, r)
		g.multipath = append(g.multipath, m)
		for n := range 4 {
			g.topology.Odd = append(g.topology.Odd, nth(to, 9+n))
		}
	}
}

func (g generator) isPort(ifindex int) bool {
	return slices.ContainsFunc(g.topology.Ports, func(p dataplane.Port) bool { return p.Ifindex == ifindex })
}

// policies adds routing rules and tables of their own.
func (g generator) policies() {
	if !g.chance(40) {
		return
	}
	const table = 100
	for _, text := range []string{"172.16.0.0/12", "2001:db8::/32"} {
		to := netip.MustParsePrefix(text)
		via, l3 := g.gateway(to)
		g.routes = append(g.routes, topo.Route{To: to, Via: via, Device: g.topology.L3[l3].Name, Table: table})
	}
	for n := range 1 + g.IntN(3) {
		g.rules = append(g.rules, g.rule(1000+n, table))
	}
}

func (g generator) rule(priority, table int) topo.Rule {
	r := topo.Rule{Priority: priority, Table: table}
	i := g.IntN(len(g.topology.L3))
	from, to := netip.PrefixFrom(host4(i, 0), 24), netip.MustParsePrefix(fmt.Sprintf("172.%d.0.0/16", 40+g.IntN(6)))
	if g.chance(50) {
		from, to = netip.PrefixFrom(host6(i, 0), 64), netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::/48", 400+g.IntN(6)))
	}
	switch g.IntN(6) {
	case 0, 1:
		r.From = from
	case 2, 3:
		r.To = to
	case 4:
		r.From, r.Input = from, g.topology.L3[i].Name
	case 5:
		r.To = to
		if g.chance(30) {
			r.Mark = 7
		}
	}
	return r
}

// configuration allows most of what there is, and blocks a little.
func (g generator) configuration() {
	for _, p := range g.topology.Ports {
		if !g.chance(5) {
			g.ports = append(g.ports, p.Name)
		}
	}
	if len(g.ports) == 0 {
		g.ports = []string{g.topology.Ports[0].Name}
	}
	for _, text := range []string{"172.16.0.0/12", "10.0.0.0/8", "2001:db8::/32", "fd00::/16", "0.0.0.0/0", "::/0"} {
		if p := netip.MustParsePrefix(text); p.Bits() > 0 && g.chance(80) || g.chance(15) {
			g.forward.allow = append(g.forward.allow, p)
		}
	}
	for range g.IntN(3) {
		a := pick(g, g.topology.Hosts[pick(g, g.topology.L3...).Ifindex]...)
		g.forward.block = append(g.forward.block, netip.PrefixFrom(a, a.BitLen()))
	}
	g.forward.hairpin = g.chance(15)
}
