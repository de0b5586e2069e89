// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"clearway/internal/testkit"

	"golang.org/x/sys/unix"
)

// exceptionAt is the obvious way: does the longest match in any table have an
// odd route?
func exceptionAt(g *routing, routes []route, mtu map[int]int, a netip.Addr) bool {
	longest := make(map[int]int) // bits + 1, by table
	odd := make(map[int]bool)
	for _, r := range routes {
		if !r.prefix.Contains(a) || r.special && !g.isOdd(r) {
			continue
		}
		isOdd := g.isOdd(r) && g.reason(r, mtu) != ""
		switch bits := r.prefix.Bits() + 1; {
		case bits > longest[r.table]:
			longest[r.table], odd[r.table] = bits, isOdd
		case bits == longest[r.table]:
			odd[r.table] = odd[r.table] || isOdd
		}
	}
	for _, one := range odd {
		if one {
			return true
		}
	}
	return false
}

// looked up in what was composed: the longest prefix counts.
func exceptionIn(all []Exception, a netip.Addr) bool {
	best, exception := -1, false
	for _, e := range all {
		if e.Prefix.Contains(a) && e.Prefix.Bits() > best {
			best, exception = e.Prefix.Bits(), e.Exception
		}
	}
	return exception
}

// kept is what a dump would keep of routes.
func kept(routes []route) *routing {
	g := &routing{encap: map[uint32]bool{9: true}}
	for _, r := range routes {
		if g.isOdd(r) {
			g.odd = append(g.odd, r)
		}
	}
	g.below = below(g.odd)
	for _, r := range routes {
		if g.isPlain(r) {
			g.plain = append(g.plain, r)
		}
	}
	return g
}

// randomRoutes are crowded into a few addresses, so that they nest.
func randomRoutes(rng *rand.Rand) []route {
	var routes []route
	for range rng.IntN(30) {
		r := route{table: rng.IntN(3), kind: unix.RTN_UNICAST, egress: 1 + rng.IntN(2)}
		r.prefix = netip.PrefixFrom(randomAddress(rng), 4*rng.IntN(9)).Masked()
		switch rng.IntN(8) {
		case 0:
			r.mtu = 1400
		case 1:
			r.mtu, r.locked = 1400, true
		case 2:
			r.encap = true
		case 3:
			r.nexthop = uint32(8 + rng.IntN(2))
		case 4:
			r.kind = unix.RTN_BLACKHOLE
		case 5:
			r.special = true
		}
		routes = append(routes, r)
	}
	return routes
}

func randomAddress(rng *rand.Rand) netip.Addr {
	var b [4]byte
	for i := range b {
		b[i] = byte(rng.IntN(2)) << (4 * rng.IntN(2))
	}
	return netip.AddrFrom4(b)
}

func TestExceptionsAgainstOracle(t *testing.T) {
	rng := testkit.Rand(t)
	mtu := map[int]int{1: 1500, 2: 1400} // what has 1400 on it already is no exception
	found := 0
	for range 2000 {
		routes := randomRoutes(rng)
		g := kept(routes)
		all := g.exceptions(mtu)
		for range 50 {
			a := randomAddress(rng)
			want := exceptionAt(g, routes, mtu, a)
			if got := exceptionIn(all, a); got != want {
				t.Fatalf("%v: exception %v, want %v\nroutes %+v\ncomposed %+v", a, got, want, routes, all)
			}
			if want {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("no address was an exception: the test tests nothing")
	}
}

// Whatever the watch doesn't tell of must not change the answer.
func TestTouchedByAgainstOracle(t *testing.T) {
	rng := testkit.Rand(t)
	mtu := map[int]int{1: 1500, 2: 1400}
	silent := 0
	for range 5000 {
		routes := randomRoutes(rng)
		if len(routes) == 0 {
			continue
		}
		before, after := kept(routes[1:]), kept(routes)
		one := routes[0]
		if before.touchedBy(one) != after.touchedBy(one) {
			t.Fatalf("%+v coming matters %v, going %v", one, before.touchedBy(one), after.touchedBy(one))
		}
		if before.touchedBy(one) {
			continue
		}
		silent++
		for range 50 {
			a := randomAddress(rng)
			if had, has := exceptionIn(before.exceptions(mtu), a), exceptionIn(after.exceptions(mtu), a); had != has {
				t.Fatalf("%v: exception %v, and %v with %+v, which went untold", a, had, has, one)
			}
		}
	}
	if silent == 0 {
		t.Error("every route mattered: the test tests nothing")
	}
}
