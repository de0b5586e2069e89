// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"clearway/internal/testkit"
)

// Another size of a table is a new generation that takes over, but for that of
// the prefix table, which grows on its own.
func TestChangeOfLimits(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	for _, change := range []struct {
		limits      string
		generations int // there and back
	}{
		{"{interfaces: 16}", 2},
		{"{interfaces: 100}", 2},
		{"{l3-interfaces: 50}", 2},
		{"{ifindex: 900}", 2},
		{"{allow: 100000}", 0},
		{"{interfaces: 3, l3-interfaces: 3, ifindex: 100, allow: 3}", 2},
	} {
		r.sub(change.limits, func() {
			c := demo()
			c.limits = change.limits
			r.underLoad(func() {
				before := r.status().Generation
				r.reload(c)
				r.reload(demo())
				if got := r.status().Generation - before; got != change.generations {
					r.t.Errorf("the generation went up by %d, want %d", got, change.generations)
				}
			})
		})
	}
}

// What comes and goes beside a flow doesn't touch it.
func TestReloadUnderLoad(t *testing.T) {
	rnd := testkit.Rand(t)
	r := newDemoRouter(t)
	r.run(demo())
	r.sub("prefixes", func() {
		r.underLoad(func() {
			for range 8 {
				c := demo()
				c.allow = append(c.allow, somePrefixes(rnd, rnd.IntN(3000))...)
				r.reload(c)
			}
		})
	})
	r.sub("blocks and MSS rules", func() {
		r.underLoad(func() {
			for range 8 {
				r.reload(anySettings(rnd))
			}
		})
	})
	r.sub("interfaces", func() {
		r.underLoad(func() {
			for i := range 8 {
				c := demo()
				c.interfaces = c.interfaces[:2+i%2]
				r.reload(c)
			}
		})
	})
	r.sub("SIGHUP", func() {
		r.underLoad(func() {
			for range 5 {
				r.write(anySettings(rnd))
				r.hangUp()
			}
		})
	})
}

// somePrefixes are n prefixes of any length around and below those of the
// demonstration, but never one that holds its hosts.
func somePrefixes(rnd *rand.Rand, n int) []string {
	seen := map[string]bool{}
	var all []string
	for len(all) < n {
		p := fmt.Sprintf("198.51.%d.%d/%d", rnd.IntN(100), rnd.IntN(256)&^7, 29)
		if rnd.IntN(2) == 0 {
			p = fmt.Sprintf("2001:db8:%x:%x::/64", 0x101+rnd.IntN(0x1000), rnd.IntN(0x10000))
		}
		if !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}
