// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// maxPlain is how many plain routes below exceptions are kept, per family.
// Without them their packets go to Linux, which is slow but right.
const maxPlain = 4096

// routing is what matters of the routing tables of one family: routes that the
// FIB helper reads in another way than Linux does, and plain ones below them.
//
// bpf_ipv4_fib_lookup and bpf_ipv6_fib_lookup (net/core/filter.c) take the MTU
// of a route only if it is locked. Linux takes an unlocked one too: IPv4 in
// ip_dst_mtu_maybe_forward, IPv6 when ip6_finish_output finds the packet too
// big. A leg with an encapsulation is refused, but only after the helper chose
// the leg by a hash of its own.
type routing struct {
	odd   []route
	plain []route
	cut   bool            // plain ones were too many: there are none
	encap map[uint32]bool // nexthop objects that encapsulate

	// below says whether a route is more specific than an odd one of its
	// table, or as specific if same is true.
	below func(r route, same bool) bool
}

// routing reads a family's routes: twice if there is an odd one, to find what
// is below it.
func (r *rtnetlink) routing(family uint8, encap map[uint32]bool) (*routing, error) {
	g := &routing{encap: encap}
	var err error
	g.odd, err = dump(r, unix.RTM_GETROUTE, routeRequest(family, 0), func(b []byte) (route, bool, error) {
		one, err := decodeRoute(b)
		return one, g.isOdd(one), err
	})
	g.below = below(g.odd)
	if err == nil && len(g.odd) > 0 {
		err = r.plainBelow(family, g)
	}
	if err != nil {
		return nil, fmt.Errorf("reading routes: %w", err)
	}
	return g, nil
}

func (r *rtnetlink) plainBelow(family uint8, g *routing) (err error) {
	kept := 0
	g.plain, err = dump(r, unix.RTM_GETROUTE, routeRequest(family, 0), func(b []byte) (route, bool, error) {
		one, err := decodeRoute(b)
		if err != nil || !g.isPlain(one) {
			return one, false, err
		}
		kept++
		return one, kept <= maxPlain, nil
	})
	if g.cut = kept > maxPlain; g.cut {
		g.plain = nil
	}
	return err
}

func (g *routing) isOdd(r route) bool {
	return r.kind == unix.RTN_UNICAST && (r.encap || g.encap[r.nexthop] || r.mtu != 0 && !r.locked)
}

// below returns the function of that name in routing.
func below(routes []route) func(r route, same bool) bool {
	type key struct {
		table  int
		prefix netip.Prefix
	}
	odd := make(map[key]bool)
	lengths := make(map[int][]int) // by table
	for _, r := range routes {
		odd[key{r.table, r.prefix}] = true
		if !slices.Contains(lengths[r.table], r.prefix.Bits()) {
			lengths[r.table] = append(lengths[r.table], r.prefix.Bits())
		}
	}
	return func(r route, same bool) bool {
		for _, bits := range lengths[r.table] {
			if bits > r.prefix.Bits() || bits == r.prefix.Bits() && !same {
				continue
			}
			if outer, _ := r.prefix.Addr().Prefix(bits); odd[key{r.table, outer}] {
				return true
			}
		}
		return false
	}
}

// isPlain says whether a route below an odd one takes packets from it. One by
// TOS or source doesn't take all of them.
func (g *routing) isPlain(r route) bool {
	return !g.isOdd(r) && !r.special && !r.dead && g.below(r, false)
}

// touchedBy says whether a route that came or went changes what is kept here.
func (g *routing) touchedBy(r route) bool {
	return g.isOdd(r) || g.below(r, true) && (!g.cut || !g.below(r, false))
}

// reason says why a route is an exception; empty if it isn't, since its device
// takes no larger packets anyway.
func (g *routing) reason(r route, mtu map[int]int) string {
	switch {
	case r.encap || g.encap[r.nexthop]:
		return "encapsulation"
	case r.legs > 1 || mtu[r.egress] == 0 || int(r.mtu) < mtu[r.egress]:
		return fmt.Sprintf("mtu %d", r.mtu)
	}
	return ""
}

// exceptions composes the tables: rules may send a packet to any of them, so a
// destination is an exception if it is one in some table. mtu is that of the
// devices, by ifindex.
func (g *routing) exceptions(mtu map[int]int) []Exception {
	tables := make(map[int]map[netip.Prefix]string) // reason; empty for plain
	add := func(r route, reason string) {
		table := tables[r.table]
		if table == nil {
			table = make(map[netip.Prefix]string)
			tables[r.table] = table
		}
		if table[r.prefix] == "" { // of two routes to one prefix the odd one counts
			table[r.prefix] = reason
		}
	}
	for _, r := range g.odd {
		add(r, g.reason(r, mtu))
	}
	for _, r := range g.plain {
		add(r, "")
	}
	prefixes := make(map[netip.Prefix]bool)
	for _, table := range tables {
		for prefix := range table {
			prefixes[prefix] = true
		}
	}
	var all []Exception
	any := false
	for _, prefix := range slices.SortedFunc(maps.Keys(prefixes), comparePrefixes) {
		reason := reasonFor(prefix, tables)
		any = any || reason != ""
		all = append(all, Exception{Prefix: prefix, Exception: reason != "", Reason: reason})
	}
	if !any {
		return nil
	}
	return all
}

// reasonFor looks a prefix up in every table, longest match first.
func reasonFor(prefix netip.Prefix, tables map[int]map[netip.Prefix]string) string {
	for _, number := range slices.Sorted(maps.Keys(tables)) {
		for bits := prefix.Bits(); bits >= 0; bits-- {
			outer, _ := prefix.Addr().Prefix(bits)
			reason, ok := tables[number][outer]
			if reason != "" {
				return reason
			}
			if ok {
				break
			}
		}
	}
	return ""
}
