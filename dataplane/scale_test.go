// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"clearway/internal/testkit"
)

// TestManyPrefixes: tables of the size of an internet exchange and of half a full
// table. They grow by a new generation, and shrink and change by difference,
// with traffic going on.
func TestManyPrefixes(t *testing.T) {
	rng := testkit.Rand(t)
	r := newRouter(t, Native)
	r.state.Limits.Allow = 400_000
	r.apply(r.state)
	stream := startFlow(t, r, flowRate)
	small := r.state
	for _, n := range []int{10_000, 100_000, 300_000} {
		s := small
		s.Classes = manyPrefixes(rng, small.Classes, n)
		generation := r.stats().Generation
		took := r.timed(s)
		if n <= 100_000 && r.stats().Generation == generation {
			t.Errorf("%d prefixes fit into what was there: the test does not show growth", n)
		}
		if took > 10*time.Second {
			t.Errorf("%d prefixes took %v", n, took)
		}
		checkSample(t, rng, r.dp, s)
		one := r.oneMore(s, netip.MustParsePrefix("198.51.100.128/25"))
		if one > 100*time.Millisecond {
			t.Errorf("one prefix more than %d took %v", n, one)
		}
		t.Logf("%d prefixes: %v, one more %v", n, took, one)
	}
	r.timed(small)
	checkMaps(t, r.dp, small)
	stopFlow(t, r, stream)
}

func (r *router) timed(s State) time.Duration {
	r.t.Helper()
	start := time.Now()
	r.apply(s)
	return time.Since(start)
}

// oneMore takes a prefix in and out again, and returns the best of some times:
// the machine does other things, too.
func (r *router) oneMore(s State, p netip.Prefix) time.Duration {
	r.t.Helper()
	with := s
	with.Classes = maps.Clone(s.Classes)
	with.Classes[p] = Allow | Block
	best := time.Hour
	for range 3 {
		best = min(best, r.timed(with), r.timed(s))
	}
	return best
}

// manyPrefixes adds prefixes outside the lab's own, most of them /24 and /48.
func manyPrefixes(rng *rand.Rand, classes map[netip.Prefix]Class, n int) map[netip.Prefix]Class {
	all := maps.Clone(classes)
	for len(all) < len(classes)+n {
		var p netip.Prefix
		if rng.IntN(4) > 0 {
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + rng.IntN(190)), byte(rng.Uint32()), byte(rng.Uint32())}), 20+rng.IntN(5))
		} else {
			p = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0, byte(rng.IntN(64)), byte(rng.Uint32()), byte(rng.Uint32())}), 44+rng.IntN(5))
		}
		all[p.Masked()] = []Class{Allow, Block, Exception, Local}[rng.IntN(4)]
	}
	return all
}

// checkSample asks the table for the edges of some prefixes.
func checkSample(t *testing.T, rng *rand.Rand, d *Dataplane, s State) {
	t.Helper()
	for p := range s.Classes {
		if rng.IntN(len(s.Classes)) > 100 {
			continue
		}
		for _, a := range []netip.Addr{p.Addr(), lastAddr(p), p.Addr().Prev(), lastAddr(p).Next()} {
			if got, want := Class(d.gen.table.Lookup(a)), obviousClass(s.Classes, a); a.IsValid() && got != want {
				t.Fatalf("%v is %06b, want %06b", a, got, want)
			}
		}
	}
}
