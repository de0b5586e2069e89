// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package twin

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
	"clearway/internal/testkit/model"
	"clearway/internal/topo"
)

// TestDevices sends random frames through routers with devices of every kind
// on their ports. The kernel that Clearway is built on may have none of them:
// test/kernels runs this on one that has.
func TestDevices(t *testing.T) {
	runScenarios(t, testkit.Seed(t), 8, deviceScenario)
}

const vrfTable = 77

// deviceScenario has VLANs on untagged ports, a VRF with a port and a VLAN in
// it, a bond of two ports with a VLAN on it, and a bridge of one port.
func deviceScenario(r *rand.Rand, mode dataplane.Mode) *scenario {
	g := generator{r, &scenario{mode: mode, mtus: map[string]int{}, masters: map[string]string{"eth4": "bond0", "eth5": "bond0"}}, 2}
	mtus := []int{0, 0, 0, 0, 1500, 1500, 1500}
	var ports []dataplane.Port
	for i := range mtus {
		if mtus[i] == 0 {
			mtus[i] = pick(g, 1400, 1500, 1500, 2000)
		}
		ports = append(ports, dataplane.Port{Name: fmt.Sprintf("eth%d", i), Ifindex: i + 1, Mode: mode})
		g.links = append(g.links, link(i, mtus[i]))
	}
	l3 := []dataplane.L3Interface{
		{Name: "eth0", Port: 1}, {Name: "eth1", Port: 2}, {Name: "eth2", Port: 3}, {Name: "eth3", Port: 4},
		{Name: "bond0", Port: 20, Members: []int{5, 6}},
		{Name: "eth0.100", Port: 1, VID: 100}, {Name: "eth0.200", Port: 1, VID: 200},
		{Name: "eth1.100", Port: 2, VID: 100}, {Name: "eth2.300", Port: 3, VID: 300},
		{Name: "bond0.50", Port: 20, Members: []int{5, 6}, VID: 50},
		{Name: "br0", Port: 30, Members: []int{7}},
	}
	for i := range l3 {
		l := &l3[i]
		port := l.Port
		if len(l.Members) > 0 {
			port = l.Members[0]
		}
		l.MAC, l.MTU, l.Ifindex = portMAC(port-1), mtus[port-1], l.Port
		if l.VID != 0 {
			l.Ifindex = 100 + i
			l.MTU -= pick(g, 0, 0, 4, 100)
			g.mtus[l.Name] = l.MTU
		}
	}
	g.topology = model.NewTopology(ports, l3)
	g.addDevices()
	g.surroundings()
	g.vrfRoutes()
	return g.scenario
}

// addDevices makes devices of the L3 interfaces.
func (g generator) addDevices() {
	for i := range 4 {
		g.links[i].B.Addresses = addresses(i)
	}
	g.devices = []topo.Device{
		{Name: "bond0", Kind: topo.Bond, Members: []string{"eth4", "eth5"}, ActiveBackup: g.chance(50), Addresses: addresses(4)},
		{Name: "br0", Kind: topo.Bridge, Members: []string{"eth6"}, Addresses: addresses(10)},
	}
	for i, l := range g.topology.L3 {
		if l.VID != 0 {
			g.devices = append(g.devices, topo.Device{Name: l.Name, Kind: topo.VLAN, Parent: g.device(l.Port), VID: int(l.VID), Addresses: addresses(i)})
		}
	}
	g.devices = append(g.devices, topo.Device{Name: "red", Kind: topo.VRF, Table: vrfTable, Members: []string{"eth3", "eth2.300"}})
	g.odd("service", topo.Device{Kind: topo.VLAN, Parent: "eth1", VID: 900, ServiceTag: true}, 90)
	g.odd("double", topo.Device{Kind: topo.VLAN, Parent: "eth0.100", VID: 5}, 91)
}

// odd adds a device that Clearway can't send by, with a route that leads there.
func (g generator) odd(name string, d topo.Device, n int) {
	at := netip.MustParsePrefix(fmt.Sprintf("10.%d.0.1/24", n))
	to := netip.MustParsePrefix(fmt.Sprintf("172.%d.0.0/16", n))
	via := nth(at, 2)
	d.Name, d.Addresses = name, []netip.Prefix{at}
	g.devices = append(g.devices, d)
	g.known = append(g.known, topo.Neighbor{Device: name, Address: via, MAC: []byte{2, 1, 0, 0, byte(n), 2}})
	g.routes = append(g.routes, topo.Route{To: to, Via: via, Device: name})
	g.topology.Local = append(g.topology.Local, at.Addr())
	g.topology.Odd = append(g.topology.Odd, nth(to, 7), nth(to, 8))
}

// vrfRoutes moves the routes by devices in the VRF there, and leads some from
// it and to it.
func (g generator) vrfRoutes() {
	in := map[string]bool{"eth3": true, "eth2.300": true}
	for i := range g.routes {
		if in[g.routes[i].Device] && g.chance(70) {
			g.routes[i].Table = vrfTable
		}
	}
	for i, l := range g.topology.L3 {
		if in[l.Name] || g.chance(30) {
			continue
		}
		for _, via := range []netip.Addr{host4(i, 2), host6(i, 2)} {
			to := netip.MustParsePrefix(fmt.Sprintf("172.16.%d.0/24", i+10))
			if via.Is6() {
				to = netip.MustParsePrefix(fmt.Sprintf("2001:db8:%d::/48", i+10))
			}
			g.routes = append(g.routes, topo.Route{To: to, Via: via, Device: l.Name, Table: vrfTable})
		}
	}
	for _, text := range []string{"0.0.0.0/0", "::/0"} {
		if g.chance(50) {
			g.routes = append(g.routes, topo.Route{To: netip.MustParsePrefix(text), Type: topo.Unreachable, Table: vrfTable, Metric: 4278198272})
		}
	}
}
