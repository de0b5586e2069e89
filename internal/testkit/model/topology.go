// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net/netip"

	"clearway/dataplane"
)

// Topology is a router that random frames are sent through. Its FIB never
// changes, so that a test can set the same up in a kernel, from the tables,
// and needs to do so only once.
type Topology struct {
	Ports []dataplane.Port
	L3    []dataplane.L3Interface
	FIB   *TableFIB

	Local []netip.Addr // the router's own addresses
	// Hosts are neighbours on the links and addresses behind them, by L3
	// ifindex. Odd are destinations that lead nowhere for some reason.
	Hosts map[int][]netip.Addr
	Odd   []netip.Addr
}

// NewTopology gives each L3 interface, numbered n from 10 on in order, an IPv4
// and an IPv6 link:
//
//	10.n.0.0/24      fd00:n::/64          the router is .1, neighbours are .2 to .5
//	172.16.n.0/24    2001:db8:n::/48      via .2
//
// and, on the first, routes of all other kinds: see oddRoutes.
func NewTopology(ports []dataplane.Port, l3 []dataplane.L3Interface) *Topology {
	t := &Topology{
		Ports: ports,
		L3:    l3,
		FIB:   &TableFIB{Interfaces: map[int]FIBInterface{}, Neighbours: map[Neighbour]dataplane.MAC{}},
		Hosts: map[int][]netip.Addr{},
	}
	for i, iface := range l3 {
		t.FIB.Interfaces[iface.Ifindex] = FIBInterface{MAC: iface.MAC, MTU: iface.MTU, Forward4: true, Forward6: true}
		t.link(iface.Ifindex, i+10)
	}
	t.oddRoutes(l3[0].Ifindex)
	return t
}

// link adds addresses, neighbours and routes of an L3 interface.
func (t *Topology) link(ifindex, n int) {
	links := []struct{ address, remote string }{
		{fmt.Sprintf("10.%d.0.", n), fmt.Sprintf("172.16.%d.0/24", n)},
		{fmt.Sprintf("fd00:%d::", n), fmt.Sprintf("2001:db8:%d::/48", n)},
	}
	for _, link := range links {
		host := func(last string) netip.Addr { return netip.MustParseAddr(link.address + last) }
		router, gateway := host("1"), host("2")
		on := netip.PrefixFrom(router, router.BitLen()*3/4).Masked() // /24 of 32
		if router.Is6() {
			on = netip.PrefixFrom(router, 64).Masked()
			// A router's anycast address on the link (RFC 4291, section 2.6.1).
			t.addRoute(Route{Prefix: netip.PrefixFrom(on.Addr(), 128), Type: LocalRoute})
		}
		remote := netip.MustParsePrefix(link.remote)
		t.Local = append(t.Local, router)
		t.addRoute(Route{Prefix: on, Egress: ifindex})
		t.addRoute(Route{Prefix: netip.PrefixFrom(router, router.BitLen()), Type: LocalRoute})
		t.addRoute(Route{Prefix: remote, Egress: ifindex, Gateway: gateway})
		for last := 2; last <= 5; last++ {
			a := host(fmt.Sprint(last))
			t.FIB.Neighbours[Neighbour{ifindex, a}] = dataplane.MAC{2, 1, 0, 0, byte(n), byte(last)}
			t.Hosts[ifindex] = append(t.Hosts[ifindex], a, nth(remote, last))
		}
		t.Odd = append(t.Odd, host("9")) // does not answer
	}
	broadcast := netip.AddrFrom4([4]byte{10, byte(n), 0, 255})
	t.addRoute(Route{Prefix: netip.PrefixFrom(broadcast, 32), Type: LocalRoute})
	t.Odd = append(t.Odd, broadcast)
}

// oddRoutes adds one prefix for each other answer of the helper.
func (t *Topology) oddRoutes(ifindex int) {
	gateways := map[bool][2]netip.Addr{ // of the first link: one that answers, one that does not
		true:  {netip.MustParseAddr("10.10.0.2"), netip.MustParseAddr("10.10.0.9")},
		false: {netip.MustParseAddr("fd00:10::2"), netip.MustParseAddr("fd00:10::9")},
	}
	for _, format := range []string{"172.%d.0.0/16", "2001:db8:17%d::/48"} {
		prefix := func(n int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf(format, n)) }
		gateway := gateways[prefix(20).Addr().Is4()]
		routes := []Route{
			{Prefix: prefix(20), Type: BlackholeRoute},
			{Prefix: prefix(21), Type: UnreachableRoute},
			{Prefix: prefix(22), Type: ProhibitRoute},
			{Prefix: prefix(23), Egress: ifindex, Gateway: gateway[0], MTU: 1280},
			{Prefix: prefix(24), Egress: ifindex, Gateway: gateway[1]},
		}
		for _, route := range routes {
			t.addRoute(route)
			t.Odd = append(t.Odd, nth(route.Prefix, 7))
		}
		t.Odd = append(t.Odd, nth(prefix(30), 7)) // no route
	}
}

func (t *Topology) addRoute(r Route) { t.FIB.Routes = append(t.FIB.Routes, r) }

// nth address of a prefix, n below 256.
func nth(p netip.Prefix, n int) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	b[len(b)-1] |= byte(n)
	a, _ := netip.AddrFromSlice(b)
	return a
}

// DefaultTopology has a port and an L3 interface of every kind: native and
// generic, VLANs, a bond, a port without an L3 interface, one that can't take
// redirects, one that the FIB doesn't know, and one that only the FIB knows.
// Its ifindexes are made up.
func DefaultTopology() *Topology {
	mac := func(n byte) dataplane.MAC { return dataplane.MAC{2, 0, 0, 0, 0, n} }
	l3 := []dataplane.L3Interface{
		{Name: "eth0", Ifindex: 10, Port: 10, MAC: mac(10), MTU: 1500},
		{Name: "eth1", Ifindex: 11, Port: 11, MAC: mac(11), MTU: 1400},
		{Name: "eth2", Ifindex: 12, Port: 12, MAC: mac(12), MTU: 9000},
		{Name: "bond0", Ifindex: 15, Port: 15, Members: []int{16, 17}, MAC: mac(15), MTU: 1500},
		{Name: "eth0.100", Ifindex: 20, Port: 10, VID: 100, MAC: mac(10), MTU: 1500},
		{Name: "eth0.200", Ifindex: 21, Port: 10, VID: 200, MAC: mac(10), MTU: 1496},
		{Name: "eth1.100", Ifindex: 22, Port: 11, VID: 100, MAC: mac(22), MTU: 1400},
		{Name: "eth2.300", Ifindex: 23, Port: 12, VID: 300, MAC: mac(12), MTU: 9000},
		{Name: "slow0", Ifindex: 14, Port: 14, MAC: mac(14), MTU: 1500},
		{Name: "eth2.400", Ifindex: 18, Port: 12, VID: 400, MAC: mac(12), MTU: 1500},
		{Name: "tun0", Ifindex: 19, Port: 19, MAC: mac(19), MTU: 1500},
	}
	for i := range l3 {
		l3[i].Forward4, l3[i].Forward6 = true, true
		l3[i].Up = true
		l3[i].RedirectNative = l3[i].Name != "slow0"
		l3[i].RedirectFrags = l3[i].Ifindex%2 == 0
	}
	ports := []dataplane.Port{
		{Name: "eth0", Ifindex: 10, Mode: dataplane.Native},
		{Name: "eth1", Ifindex: 11, Mode: dataplane.Native},
		{Name: "eth2", Ifindex: 12, Mode: dataplane.Generic},
		{Name: "bridged", Ifindex: 13, Mode: dataplane.Native},
		{Name: "slave0", Ifindex: 16, Mode: dataplane.Native},
		{Name: "slave1", Ifindex: 17, Mode: dataplane.Native},
	}
	t := NewTopology(ports, l3)
	delete(t.FIB.Interfaces, 18)
	t.L3 = t.L3[:len(t.L3)-1]
	return t
}
