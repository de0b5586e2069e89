// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Route is a route of the kernel's.
type Route struct {
	Prefix  netip.Prefix
	Table   int    // 254 is main, 255 local
	Type    string // "unicast", "local", "blackhole", …
	Gateway netip.Addr
	Egress  string // name of the interface; empty where there is none
	Legs    int    // of a multipath route, of which gateway and egress are the first
	Metric  uint32
	MTU     uint32 // 0 = none of its own
	Locked  bool   // the MTU is
	// Exception says why the fast path leaves packets on this route to Linux;
	// empty if it doesn't.
	Exception string
}

// routeTypes are the names of RTN_… as `ip route` prints them.
var routeTypes = map[uint8]string{
	unix.RTN_UNICAST: "unicast", unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast",
	unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast", unix.RTN_BLACKHOLE: "blackhole",
	unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw",
}

// tableNames are those of /etc/iproute2/rt_tables that every machine has.
var tableNames = map[int]string{253: "default", 254: "main", 255: "local"}

// String is the route in the words of `ip route`.
func (r Route) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Type, r.Prefix)
	if r.Gateway.IsValid() {
		fmt.Fprintf(&b, " via %s", r.Gateway)
	}
	if r.Egress != "" {
		fmt.Fprintf(&b, " dev %s", r.Egress)
	}
	if r.Legs > 1 {
		fmt.Fprintf(&b, " (first of %d legs)", r.Legs)
	}
	name, ok := tableNames[r.Table]
	if !ok {
		name = strconv.Itoa(r.Table)
	}
	fmt.Fprintf(&b, " table %s", name)
	if r.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", r.Metric)
	}
	if r.MTU != 0 {
		lock := ""
		if r.Locked {
			lock = "lock "
		}
		fmt.Fprintf(&b, " mtu %s%d", lock, r.MTU)
	}
	return b.String()
}

// Routes lists all routes of all tables, both families, in the kernel's order.
// An error comes last. Nothing is kept in memory, so that a full table can be
// listed too.
func Routes(ctx context.Context) iter.Seq2[Route, error] {
	return func(yield func(Route, error) bool) {
		if err := eachRoute(ctx, func(r Route) bool { return yield(r, nil) }); err != nil {
			yield(Route{}, err)
		}
	}
}

func eachRoute(ctx context.Context, yield func(Route) bool) error {
	socket, err := dialRoute(ctx)
	if err != nil {
		return err
	}
	defer socket.close()
	devices, err := socket.devices()
	if err != nil {
		return err
	}
	encap, err := socket.encapNexthops()
	if err != nil {
		return err
	}
	names, mtu := namesOf(devices), mtuOf(devices)
	g := &routing{encap: encap}
	more := true
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		_, _, err := dumpOnce(socket, unix.RTM_GETROUTE, routeRequest(family, 0), func(b []byte) (route, bool, error) {
			one, err := decodeRoute(b)
			if err != nil || !more {
				return one, false, err
			}
			listed := newRoute(one, names)
			if g.isOdd(one) {
				listed.Exception = g.reason(one, mtu)
			}
			more = yield(listed)
			return one, false, nil
		})
		if err != nil {
			return fmt.Errorf("reading routes: %w", err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

func newRoute(r route, names map[int]string) Route {
	kind, ok := routeTypes[r.kind]
	if !ok {
		kind = strconv.Itoa(int(r.kind))
	}
	return Route{
		Prefix: r.prefix, Table: r.table, Type: kind, Gateway: r.gateway, Egress: names[r.egress],
		Legs: r.legs, Metric: r.metric, MTU: r.mtu, Locked: r.locked,
	}
}

func namesOf(devices []device) map[int]string {
	names := make(map[int]string, len(devices))
	for _, d := range devices {
		names[d.Index] = d.Name
	}
	return names
}

func mtuOf(devices []device) map[int]int {
	mtu := make(map[int]int, len(devices))
	for _, d := range devices {
		mtu[d.Index] = d.MTU
	}
	return mtu
}
