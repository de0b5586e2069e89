// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"

	"clearway/dataplane"
)

// TableFIB is a FIB of fixed tables that answers as bpf_fib_lookup does with
// flags 0 (net/core/filter.c), in one routing table without rules.
type TableFIB struct {
	Interfaces map[int]FIBInterface // by L3 ifindex; others are ENODEV, and routes by them don't exist
	Routes     []Route
	Neighbours map[Neighbour]dataplane.MAC // the reachable ones
}

// FIBInterface is what the kernel knows of an L3 interface.
type FIBInterface struct {
	MAC                dataplane.MAC
	MTU                int
	Forward4, Forward6 bool
	Down               bool // the kernel has no routes by it
}

// RouteType is what happens to packets of a route.
type RouteType string

// The route types. Local stands for all whose packets stay here, broadcast
// among them.
const (
	Unicast          RouteType = "unicast"
	LocalRoute       RouteType = "local"
	BlackholeRoute   RouteType = "blackhole"
	UnreachableRoute RouteType = "unreachable"
	ProhibitRoute    RouteType = "prohibit"
)

// Route leads a prefix to a next hop. Of equal prefixes the first counts.
type Route struct {
	Prefix  netip.Prefix
	Type    RouteType  // "" is Unicast
	Egress  int        // L3 ifindex, of a unicast route
	Gateway netip.Addr // the zero value: the destination is on the link
	MTU     int        // one the helper honours (IPv4: locked); 0 = the interface's
	Encap   bool       // lightweight tunnel
}

// Neighbour is an address on an L3 interface.
type Neighbour struct {
	Ifindex int
	Addr    netip.Addr
}

// Lookup answers a query. It reads destination, ingress and length only.
func (t *TableFIB) Lookup(q Query) Answer {
	ingress, ok := t.Interfaces[q.Ifindex]
	if !ok {
		return Answer{Code: NoDevice}
	}
	if q.Dst.Is4() && !ingress.Forward4 || q.Dst.Is6() && !ingress.Forward6 {
		return Answer{Code: ForwardingDisabled}
	}
	route := t.route(q.Dst)
	if route == nil {
		return Answer{Code: NotForwarded}
	}
	switch route.Type {
	case BlackholeRoute:
		return Answer{Code: Blackhole}
	case UnreachableRoute:
		return Answer{Code: Unreachable}
	case ProhibitRoute:
		return Answer{Code: Prohibit}
	case LocalRoute:
		return Answer{Code: NotForwarded}
	}
	return t.nextHop(route, q)
}

// nextHop is the second half of the look-up, in the kernel's order.
func (t *TableFIB) nextHop(route *Route, q Query) Answer {
	egress := t.Interfaces[route.Egress]
	mtu := egress.MTU
	if route.MTU != 0 {
		mtu = route.MTU
	}
	if q.Length > mtu {
		return Answer{Code: FragNeeded}
	}
	if route.Encap {
		return Answer{Code: UnsupportedEncap}
	}
	gateway := route.Gateway
	if !gateway.IsValid() {
		gateway = q.Dst
	}
	mac, ok := t.Neighbours[Neighbour{route.Egress, gateway}]
	if !ok {
		return Answer{Code: NoNeighbour, Egress: route.Egress}
	}
	return Answer{Code: Success, Egress: route.Egress, SMAC: egress.MAC, DMAC: mac}
}

// route finds the longest prefix, or nil.
func (t *TableFIB) route(dst netip.Addr) *Route {
	var best *Route
	for i := range t.Routes {
		r := &t.Routes[i]
		egress, known := t.Interfaces[r.Egress]
		unicast := r.Type == "" || r.Type == Unicast
		if unicast && (!known || egress.Down) || !r.Prefix.Contains(dst) {
			continue
		}
		if best == nil || r.Prefix.Bits() > best.Prefix.Bits() {
			best = r
		}
	}
	return best
}
