// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"fmt"
	"net/netip"
	"strings"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/topo"
)

// Each service of the balance lane has so many backends, and a table of so many
// slots.
const (
	backendCount = 100
	tableSize    = 65537
)

// flowRoom is how many flows an LRU has room for, Clearway's and that of peer (c).
// crowded is how many there are without any being given up.
const (
	flowRoom = 1 << 20
	crowded  = flowRoom / 16 * 15
)

// servicePort is that of all services.
const servicePort = 80

// The addresses of the balance lane. Backends are behind a gateway on the
// generator's side, so that what is for them goes back where it came from.
var (
	gatewayMAC = dataplane.MAC{2, 0, 0, 0, 0, 6} // not the generator's, for the reason of nextHopMAC
	gateway4   = netip.MustParseAddr("192.0.2.3")
	gateway6   = netip.MustParseAddr("fd00:1::3")

	backends4 = following("198.18.0.1", backendCount)
	backends6 = following("fd00:18::1", backendCount)

	outerSource4 = netip.MustParsePrefix("172.16.0.0/16")
	outerSource6 = netip.MustParsePrefix("100::/96")
)

// service is one of Clearway's, and of the others where they have as many.
type service struct {
	address  netip.Addr
	tracking dataplane.Tracking
}

// The services: one for each way of tracking and family.
var services = []service{
	{netip.MustParseAddr("203.0.113.1"), dataplane.TrackChanged},
	{netip.MustParseAddr("203.0.113.2"), dataplane.TrackAlways},
	{netip.MustParseAddr("203.0.113.3"), dataplane.TrackNever},
	{netip.MustParseAddr("2001:db8:113::1"), dataplane.TrackChanged},
	{netip.MustParseAddr("2001:db8:113::2"), dataplane.TrackAlways},
	{netip.MustParseAddr("2001:db8:113::3"), dataplane.TrackNever},
}

// nobody4 and nobody6 are no service's address.
var (
	nobody4 = netip.MustParseAddr("203.0.113.9")
	nobody6 = netip.MustParseAddr("2001:db8:113::9")
)

// serviceOf is the address of the service with that tracking.
func serviceOf(ipv6 bool, tracking dataplane.Tracking) netip.Addr {
	for _, s := range services {
		if s.address.Is6() == ipv6 && s.tracking == tracking {
			return s.address
		}
	}
	panic("measure: no service tracks " + string(tracking))
}

// backendsOf are those of a service at that address.
func backendsOf(service netip.Addr) []netip.Addr {
	if service.Is4() {
		return backends4
	}
	return backends6
}

// following are n addresses from first on.
func following(first string, n int) []netip.Addr {
	out := []netip.Addr{netip.MustParseAddr(first)}
	for len(out) < n {
		out = append(out, out[len(out)-1].Next())
	}
	return out
}

// balancerSpec is a router by which the backends are reached, behind r0.
func balancerSpec() topo.HostSpec {
	return topo.HostSpec{
		Name:    routerHost,
		Forward: true,
		Neighbors: []topo.Neighbor{
			{Device: "r0", Address: gateway4, MAC: gatewayMAC[:]},
			{Device: "r0", Address: gateway6, MAC: gatewayMAC[:]},
		},
		Routes: []topo.Route{
			{To: netip.PrefixFrom(backends4[0], 24).Masked(), Via: gateway4},
			{To: netip.PrefixFrom(backends6[0], 64).Masked(), Via: gateway6},
		},
	}
}

// balanceConfig is Clearway's configuration with these services; all that it
// doesn't say is as by default.
func balanceConfig(services []service) (*config.Config, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "interfaces: [{name: r0}]\nforward: {allow: [%s, %s]}\nlimits: {flows: %d}\n", allow4, allow6, flowRoom)
	if len(services) > 0 {
		fmt.Fprintf(&text, "balance:\n  source4: %s\n  source6: %s\n  services:\n", outerSource4, outerSource6)
	}
	for i, s := range services {
		fmt.Fprintf(&text, "  - name: s%d\n    address: %q\n    protocol: tcp\n    ports: [%d]\n", i, s.address, servicePort)
		fmt.Fprintf(&text, "    table-size: %d\n    tracking: %s\n    backends:\n", tableSize, s.tracking)
		for _, b := range backendsOf(s.address) {
			fmt.Fprintf(&text, "    - address: %q\n", b)
		}
	}
	c, problems := config.Parse([]byte(text.String()))
	if problems.HasErrors() {
		return nil, fmt.Errorf("configuring services: %v", problems)
	}
	return c, nil
}
