// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"
	"net/netip"
)

// Farm is a lab with 1 to 9 servers, each on a link of its own, for services that
// are spread over them:
//
//	client eth0 ──── eth0 router eth1 ──── eth0 server1   10.0.1.2, 2001:db8:100::2
//	192.0.2.2                    eth2 ──── eth0 server2   10.0.2.2, 2001:db8:200::2
//	2001:db8:1::2                 …                        …
//
// It is as [Demo], but for two things. What the router knows no other way for goes
// to the client, as if that were the rest of the world. And the servers' devices
// are left to whoever attaches a program to them, such as a receiver of tunnels.
func Farm(servers int) *Lab {
	world := edgeHost("router", DemoClient4.String(), DemoClient6.String())
	world.Forward = true
	lab := &Lab{
		StaticNeighbors: true,
		Hosts:           []HostSpec{edgeHost("client", "192.0.2.1", "2001:db8:1::1"), world},
		Links:           []Link{edgeLink("client", "eth0", "192.0.2", "2001:db8:1:")},
	}
	for n := 1; n <= servers; n++ {
		net4, net6 := fmt.Sprintf("10.0.%d", n), fmt.Sprintf("2001:db8:%d00:", n)
		link := edgeLink(FarmServer(n), fmt.Sprintf("eth%d", n), net4, net6)
		link.A.NAPI = NAPINone
		lab.Hosts = append(lab.Hosts, edgeHost(FarmServer(n), net4+".1", net6+":1"))
		lab.Links = append(lab.Links, link)
	}
	return lab
}

// FarmServer returns the name of a server of [Farm], from 1.
func FarmServer(n int) string { return fmt.Sprintf("server%d", n) }

// FarmAddress returns the IPv4 address of a server of [Farm], from 1.
func FarmAddress(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n), 2}) }
