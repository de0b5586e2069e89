// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"slices"

	"clearway/internal/topo"
)

// settings sets what the kernel lets one set about forwarding.
func (g generator) settings() {
	for _, l := range g.topology.L3 {
		for _, neigh := range []string{"net/ipv4/neigh/" + l.Name, "net/ipv6/neigh/" + l.Name} {
			// One question for each unknown neighbour, and no answer in our time.
			g.set(neigh+"/retrans_time_ms", "600000")
			// What waits for the answer is never seen: the least, which is one packet.
			// All routers of a machine send ICMP by one socket a CPU, which has room for
			// some 57 IPv6 errors. Those that wait take it up, and then others get lost.
			g.set(neigh+"/unres_qlen_bytes", "0")
		}
		g.interfaceSettings("net/ipv4/conf/"+l.Name+"/", "net/ipv6/conf/"+l.Name+"/")
		if !g.isHop(l.Name) { // those of a multipath route have one MTU
			g.sometimes(10, "net/ipv6/conf/"+l.Name+"/mtu", "1280")
		}
	}
	g.sometimes(g.rpFilter/3, "net/ipv4/conf/all/rp_filter", "1", "2")
	g.sometimes(5, "net/ipv6/conf/all/forwarding", "0")
	g.sometimes(30, "net/ipv4/conf/all/send_redirects", "0")
	g.sometimes(20, "net/ipv4/fib_multipath_hash_policy", "1", "2", "3")
	g.sometimes(20, "net/ipv6/fib_multipath_hash_policy", "1", "2", "3")
	g.sometimes(20, "net/ipv4/fib_multipath_use_neigh", "1")
	g.sometimes(20, "net/ipv4/ip_forward_use_pmtu", "1")
	g.sometimes(20, "net/ipv4/ip_forward_update_priority", "0")
	g.sometimes(20, "net/ipv4/conf/all/accept_local", "1")
	g.sometimes(20, "net/ipv4/conf/all/route_localnet", "1")
	g.sometimes(20, "net/ipv4/conf/all/bc_forwarding", "1")
	g.sometimes(20, "net/ipv4/conf/all/accept_source_route", "1")
	g.sometimes(20, "net/ipv4/conf/all/ignore_routes_with_linkdown", "1")
	g.sometimes(20, "net/ipv4/icmp_errors_use_inbound_ifaddr", "1")
	g.sometimes(20, "net/ipv4/conf/all/src_valid_mark", "1")
	g.sometimes(20, "net/ipv4/conf/all/proxy_arp", "1")
	g.sometimes(20, "net/ipv6/conf/all/proxy_ndp", "1")
}

func (g generator) interfaceSettings(ip4, ip6 string) {
	g.sometimes(g.rpFilter, ip4+"rp_filter", "1", "2")
	g.sometimes(7, ip4+"forwarding", "0")
	g.sometimes(7, ip6+"forwarding", "0")
	g.sometimes(10, ip4+"send_redirects", "0")
	g.sometimes(10, ip4+"bc_forwarding", "1")
	g.sometimes(10, ip4+"route_localnet", "1")
	g.sometimes(10, ip4+"accept_local", "1")
	g.sometimes(10, ip4+"drop_unicast_in_l2_multicast", "1")
	g.sometimes(10, ip4+"ignore_routes_with_linkdown", "1")
	g.sometimes(10, ip4+"disable_policy", "1")
	g.sometimes(3, ip6+"disable_ipv6", "1")
	g.sometimes(10, ip6+"ignore_routes_with_linkdown", "1")
}

// isHop: a multipath route leads by this device.
func (g generator) isHop(device string) bool {
	return slices.ContainsFunc(g.routes, func(r topo.Route) bool {
		return slices.ContainsFunc(r.Hops, func(h topo.Hop) bool { return h.Device == device })
	})
}

func (g generator) set(key, value string) { g.sysctls = append(g.sysctls, sysctl{key, value}) }

// sometimes sets a key to one of the values, in percent of cases.
func (g generator) sometimes(percent int, key string, values ...string) {
	if g.chance(percent) {
		g.set(key, pick(g, values...))
	}
}
