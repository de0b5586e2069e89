// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestScattered(t *testing.T) {
	prefixes := scattered(rand.New(rand.NewPCG(1, 2)), manyPrefixes)
	seen := map[netip.Prefix]bool{}
	for _, p := range prefixes {
		if p != p.Masked() || p.Bits() != 24 || contained(unused, p.Addr()) {
			t.Errorf("%v is no masked /24 of addresses in use", p)
		}
		seen[p] = true
	}
	if len(seen) != manyPrefixes {
		t.Errorf("%d different prefixes, want %d", len(seen), manyPrefixes)
	}
}

func TestAllowedFlows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	used := map[netip.Prefix]int{}
	for _, flows := range [][]netip.Addr{allowedFlows4(r, someFlows), flows6(r, someFlows, true)} {
		for _, a := range flows {
			if !allow4.Contains(a) && !allow6.Contains(a) {
				t.Fatalf("%v is not in a prefix that is allowed", a)
			}
			for i := range routes {
				for _, p := range []netip.Prefix{route4(i), route6(i)} {
					if p.Contains(a) {
						used[p]++
					}
				}
			}
		}
	}
	total := 0
	for p, n := range used {
		total += n
		if n < someFlows/routes {
			t.Errorf("route %v has %d flows", p, n)
		}
	}
	if len(used) != 2*routes || total != 2*someFlows {
		t.Errorf("%d flows by %d routes, want %d by %d", total, len(used), 2*someFlows, 2*routes)
	}
}

func TestMissedFlows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	prefixes := scattered(r, 1000)
	flows := missedFlows4(r, manyFlows, prefixes)
	if len(flows) != manyFlows {
		t.Errorf("%d flows, want %d", len(flows), manyFlows)
	}
	// All of them against all prefixes takes a second: a part tells.
	for _, a := range flows[:someFlows] {
		if contained(prefixes, a) || contained(unused, a) {
			t.Errorf("%v is in a prefix that is allowed, or not in use", a)
		}
	}
	for _, a := range flows6(r, someFlows, false) {
		if allow6.Contains(a) {
			t.Errorf("%v is in %v", a, allow6)
		}
	}
}
