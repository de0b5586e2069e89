// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// manyPrefixes are n prefixes of both families.
func manyPrefixes(n int) []string {
	all := make([]string, 0, n)
	for i := range n / 2 {
		all = append(all, fmt.Sprintf("10.%d.%d.%d/28", i>>12, i>>4&255, i<<4&255))
		all = append(all, fmt.Sprintf("2001:db8:%x:%x::/64", 0x8000+i>>8, i&255))
	}
	return all
}

// A hundred thousand prefixes are taken in seconds, at start and by reload, and
// changing one of them takes no longer.
func TestLargeConfiguration(t *testing.T) {
	const limit = 10 * time.Second
	r := newDemoRouter(t)
	large := demo()
	large.limits = "{allow: 100010}"
	large.allow = append(large.allow, manyPrefixes(100_000)...)
	r.run(demo())
	r.harmless(func() {
		for _, step := range []struct {
			name string
			do   func()
		}{
			{"reload", func() { r.reload(large) }},
			{"reload of one prefix more", func() {
				more := large
				more.allow = append(more.allow, "203.0.113.0/24")
				r.reload(more)
			}},
			{"following a change of the machine", func() {
				r.must(r.host().AddAddress("eth2", netip.MustParsePrefix("203.0.113.9/24")))
				r.ends(path{"server2", "eth2", "203.0.113.2", "203.0.113.9"}, "pass_local")
			}},
			{"stop and start", func() { r.stop(syscall.SIGTERM); r.start() }},
			{"reload of few", func() { r.reload(demo()) }},
		} {
			took := r.timed(step.do)
			t.Logf("%s took %v", step.name, took)
			if took > limit {
				t.Errorf("%s took %v, more than %v", step.name, took, limit)
			}
		}
	})
	r.reload(large)
	r.ends(toServer1.to("10.1.2.3"), "pass_no_route")
	r.ends(toServer1.to("11.1.2.3"), "pass_no_match")
}
