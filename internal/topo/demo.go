// SPDX-License-Identifier: Apache-2.0

package topo

import "net/netip"

// The addresses of [Demo]. The prefixes are those of RFC 5737 and RFC 3849.
var (
	DemoClient4  = netip.MustParseAddr("192.0.2.2")
	DemoClient6  = netip.MustParseAddr("2001:db8:1::2")
	DemoServer14 = netip.MustParseAddr("198.51.100.2")
	DemoServer16 = netip.MustParseAddr("2001:db8:100::2")
	DemoServer24 = netip.MustParseAddr("203.0.113.2")
	DemoServer26 = netip.MustParseAddr("2001:db8:200::2")
)

// Demo is the lab of the demonstration:
//
//	client eth0 ──── eth0 router eth1 ──── eth0 server1
//	192.0.2.2                    eth2 ──── eth0 server2   203.0.113.2
//	2001:db8:1::2                │         198.51.100.2   2001:db8:200::2
//	                             │         2001:db8:100::2
//
// The router has .1 and ::1 on each link and forwards. Its devices have
// neither GRO nor a program; those of the other hosts receive what native XDP
// redirects to them. All neighbours are known, so that the first packet is
// like any other.
func Demo() *Lab {
	return &Lab{
		StaticNeighbors: true,
		Hosts: []HostSpec{
			edgeHost("client", "192.0.2.1", "2001:db8:1::1"),
			{Name: "router", Forward: true},
			edgeHost("server1", "198.51.100.1", "2001:db8:100::1"),
			edgeHost("server2", "203.0.113.1", "2001:db8:200::1"),
		},
		Links: []Link{
			edgeLink("client", "eth0", "192.0.2", "2001:db8:1:"),
			edgeLink("server1", "eth1", "198.51.100", "2001:db8:100:"),
			edgeLink("server2", "eth2", "203.0.113", "2001:db8:200:"),
		},
	}
}

// edgeHost is a host with default routes.
func edgeHost(name, via4, via6 string) HostSpec {
	return HostSpec{Name: name, Routes: []Route{
		{To: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr(via4)},
		{To: netip.MustParsePrefix("::/0"), Via: netip.MustParseAddr(via6)},
	}}
}

// edgeLink is a link from a host's eth0 to a device of the router.
func edgeLink(host, device, net4, net6 string) Link {
	addresses := func(last string) []netip.Prefix {
		return []netip.Prefix{
			netip.MustParsePrefix(net4 + "." + last + "/24"),
			netip.MustParsePrefix(net6 + ":" + last + "/64"),
		}
	}
	return Link{
		A: End{Host: host, Name: "eth0", Addresses: addresses("2")},
		B: End{Host: "router", Name: device, Addresses: addresses("1"), NAPI: NAPINone},
	}
}
