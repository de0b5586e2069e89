// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"fmt"
	"net/netip"
	"testing"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// network is a lab of leaves around one host. Leaf number n, from 1, has
// 10.0.n.2 and 2001:db8:n::2 at its eth0, and the host in the middle .1 and ::1
// at a device that is called like the leaf, by which the leaf reaches all else.
type network struct {
	*topo.Lab
	t      *testing.T
	leaves []string
	routes []topo.Route // to the services, of the host that has them
	metric int          // of the last ones
}

// newNetwork makes a network. Balancers are called lb1 and so on, servers s1.
func newNetwork(t *testing.T, middle string, leaves ...string) *network {
	testkit.RequireKernel(t, "6.6", "tcx, by which health checks reach backends,")
	n := &network{t: t, leaves: leaves, metric: 1000, Lab: &topo.Lab{Hosts: []topo.HostSpec{{Name: middle, Forward: true}}}}
	for i, leaf := range leaves {
		n.Hosts = append(n.Hosts, topo.HostSpec{Name: leaf, Routes: []topo.Route{
			{To: netip.MustParsePrefix("0.0.0.0/0"), Via: address(i+1, 1, false)},
			{To: netip.MustParsePrefix("::/0"), Via: address(i+1, 1, true)},
		}})
		n.Links = append(n.Links, topo.Link{
			A: topo.End{Host: leaf, Name: "eth0", Addresses: addresses(i+1, 2), NAPI: napi(leaf)},
			B: topo.End{Host: middle, Name: leaf, Addresses: addresses(i+1, 1), NAPI: napi(middle)},
		})
	}
	topotest.New(t, n.Lab)
	return n
}

// napi leaves devices of balancers and servers to the programs that they attach.
// What a program sends back out of a veth device waits at the other end until
// other frames come, unless that has a program, too.
func napi(host string) topo.NAPI {
	switch host[0] {
	case 'l':
		return topo.NAPINone
	case 's':
		return topo.NAPIByGRO // without a program, too, it receives
	}
	return topo.NAPIByXDP
}

// address is that of a host on the link of a leaf.
func address(leaf, host int, ipv6 bool) netip.Addr {
	if ipv6 {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::%d", leaf, host))
	}
	return netip.AddrFrom4([4]byte{10, 0, byte(leaf), byte(host)})
}

func addresses(leaf, host int) []netip.Prefix {
	return []netip.Prefix{
		netip.PrefixFrom(address(leaf, host, false), 24),
		netip.PrefixFrom(address(leaf, host, true), 64),
	}
}

// addressOf is the address of a leaf.
func (n *network) addressOf(leaf string, ipv6 bool) netip.Addr {
	n.t.Helper()
	for i, l := range n.leaves {
		if l == leaf {
			return address(i+1, 2, ipv6)
		}
	}
	n.t.Fatalf("there is no leaf %s", leaf)
	return netip.Addr{}
}

// route has a host send all services to a leaf, or spread flows over several. The
// new route is there before the one that it was goes.
func (n *network) route(host string, leaves ...string) {
	n.t.Helper()
	n.metric-- // the lowest is preferred
	var routes []topo.Route
	for _, to := range []netip.Prefix{services4, services6} {
		r := topo.Route{To: to, Metric: n.metric}
		for _, leaf := range leaves {
			r.Hops = append(r.Hops, topo.Hop{Via: n.addressOf(leaf, to.Addr().Is6())})
		}
		routes = append(routes, r)
	}
	for _, r := range routes {
		n.must(n.Host(host).AddRoute(r))
	}
	for _, r := range n.routes {
		n.must(n.Host(host).DeleteRoute(r))
	}
	n.routes = routes
}

// must fails the test on an error of what the test itself does.
func (n *network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}
