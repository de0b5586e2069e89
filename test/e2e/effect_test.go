// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/netip"
	"strings"
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

// Each key of the forward section shows on packets as soon as it is reloaded,
// and is gone when it is taken out again.
func TestEffects(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	plain := func() {
		r.t.Helper()
		r.reload(demo())
		r.ends(toServer1, "forward")
		r.ends(toClient, "forward")
		r.ends(toServer2, "pass_no_match")
	}
	plain()
	for _, effect := range []struct {
		name   string
		change func(*settings)
		check  func()
	}{
		{"allow", func(c *settings) { c.allow = append(c.allow, "203.0.113.0/24") }, func() {
			r.ends(toServer2, "forward")
		}},
		{"allow by source", func(c *settings) { c.allow = []string{"192.0.2.2/32"} }, func() {
			r.ends(toServer2, "forward")
			r.ends(toServer1, "forward")
		}},
		{"block", func(c *settings) { c.block = []string{"198.51.100.64/26"} }, func() {
			r.ends(toServer1, "forward")
			r.ends(toServer1.to("198.51.100.64"), "drop_blocked")
			r.ends(toServer1.to("198.51.100.63"), "pass_no_neighbour")
		}},
		{"dry run", func(c *settings) {
			c.block = []string{"198.51.100.64/26"}
			c.forward = "  dry-run: true\n"
		}, func() {
			r.ends(toServer1, "dry_run")
			r.ends(toServer1.to("198.51.100.64"), "dry_run_block")
			r.ends(toServer2, "pass_no_match")
		}},
	} {
		r.sub(effect.name, func() {
			c := demo()
			effect.change(&c)
			r.reload(c)
			effect.check()
			plain()
		})
	}
}

// In a dry run Linux forwards all packets, and none twice.
func TestDryRunDelivers(t *testing.T) {
	r := newDemoRouter(t)
	c := demo()
	c.forward = "  dry-run: true\n"
	r.run(c)
	flow, err := r.flow(20_000).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for flow.Sent() < 5000 && t.Context().Err() == nil {
		r.checkAccount()
	}
	report, err := flow.Stop()
	if err != nil || report.Err() != nil {
		t.Error(err, report.Err())
	}
	r.counts(account{"eth0 dry_run": {Packets: report.Sent}, "eth0 forward": {}})
}

// The router has a route back out of the interface that packets come in by.
func TestHairpin(t *testing.T) {
	r := newDemoRouter(t)
	back := topo.Route{To: netip.MustParsePrefix("198.51.100.128/25"), Via: topo.DemoClient4, Device: "eth0"}
	if err := r.host().AddRoute(back); err != nil {
		t.Fatal(err)
	}
	r.run(demo())
	r.ends(toServer1.to("198.51.100.130"), "pass_hairpin")
	c := demo()
	c.forward = "  hairpin: true\n"
	r.reload(c)
	client, err := wire.NewCapture(r.lab.Host("client"), "eth0", func(f []byte) bool { return strings.Contains(string(f), "\xc6\x33\x64\x82") })
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r.ends(toServer1.to("198.51.100.130"), "forward")
	frames, err := client.Until(patience / 10)
	if err != nil || len(frames) == 0 {
		t.Errorf("%d frames came back: %v", len(frames), err)
	}
}
