// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// RouteType is what a route does with the packets it matches. The values are
// those of rtm_type, but that the zero value means [Unicast].
type RouteType uint8

// The types of routes.
const (
	Unicast     RouteType = unix.RTN_UNICAST
	Blackhole   RouteType = unix.RTN_BLACKHOLE
	Unreachable RouteType = unix.RTN_UNREACHABLE
	Prohibit    RouteType = unix.RTN_PROHIBIT
	Throw       RouteType = unix.RTN_THROW
)

// Route is a route of a host.
type Route struct {
	To     netip.Prefix
	Via    netip.Addr // next hop; may be of the other family. Zero: on the link
	Device string     // may be empty where Via says it
	Hops   []Hop      // for a multipath route, instead of Via and Device
	Type   RouteType
	Table  int // zero: main
	Metric int
	TOS    int
	MTU    int // bytes; zero: the device's
	// LockMTU keeps IPv4 from going below MTU by path discovery; only a locked
	// one is heeded for packets that are forwarded.
	LockMTU bool
}

// Hop is one next hop of a multipath route.
type Hop struct {
	Via    netip.Addr
	Device string
	Weight int // zero means 1
}

// AddRoute adds a route.
func (h *Host) AddRoute(r Route) error { return h.route("adding", r, (*netlink.Handle).RouteAdd) }

// DeleteRoute removes a route that was added with the same fields.
func (h *Host) DeleteRoute(r Route) error { return h.route("deleting", r, (*netlink.Handle).RouteDel) }

func (h *Host) route(verb string, r Route, do func(*netlink.Handle, *netlink.Route) error) error {
	return h.kernel(fmt.Sprintf("%s route %v", verb, r.To), func(nl *netlink.Handle) error {
		kr, err := kernelRoute(nl, r)
		if err != nil {
			return err
		}
		return do(nl, kr)
	})
}

func kernelRoute(nl *netlink.Handle, r Route) (*netlink.Route, error) {
	kr := &netlink.Route{
		Dst: ipNet(r.To), Family: family(r.To.Addr()), Type: int(r.Type), Table: r.Table,
		Priority: r.Metric, Tos: r.TOS, MTU: r.MTU, MTULock: r.LockMTU,
	}
	if len(r.Hops) == 0 {
		var err error
		kr.LinkIndex, kr.Gw, kr.Via, err = kernelHop(nl, r.To.Addr(), r.Via, r.Device)
		return kr, err
	}
	for _, hop := range r.Hops {
		index, gw, via, err := kernelHop(nl, r.To.Addr(), hop.Via, hop.Device)
		if err != nil {
			return nil, err
		}
		kr.MultiPath = append(kr.MultiPath, &netlink.NexthopInfo{
			LinkIndex: index, Gw: gw, Via: via, Hops: max(hop.Weight, 1) - 1,
		})
	}
	return kr, nil
}

// kernelHop converts a next hop of a route to an address. One of the same
// family becomes a gateway, one of the other RTA_VIA (RFC 5549).
func kernelHop(nl *netlink.Handle, to, hop netip.Addr, device string) (index int, gw net.IP, via netlink.Destination, err error) {
	if device != "" {
		link, err := nl.LinkByName(device)
		if err != nil {
			return 0, nil, nil, err
		}
		index = link.Attrs().Index
	}
	switch {
	case !hop.IsValid():
	case hop.Is6() == to.Is6():
		gw = hop.AsSlice()
	default:
		via = &netlink.Via{AddrFamily: family(hop), Addr: hop.AsSlice()}
	}
	return index, gw, via, nil
}
