// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"context"
	"testing"
	"time"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
	"clearway/internal/plan"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

// clearway is the data path on a router, set up from a configuration as the
// daemon does it. taps see what the router's own stack gets from each port.
type clearway struct {
	t      *testing.T
	router *topo.Host
	dp     *dataplane.Dataplane
	config *config.Config
	ports  map[string]int // ifindexes
	taps   map[string]*wire.Capture
}

func newClearway(t *testing.T, router *topo.Host, s *scenario) *clearway {
	t.Helper()
	c := &clearway{t: t, router: router, ports: map[string]int{}, taps: map[string]*wire.Capture{}}
	var problems config.Problems
	if c.config, problems = config.Parse([]byte(s.config())); problems.HasErrors() {
		t.Fatalf("%v\n%s", problems, s.config())
	}
	bpffs := topotest.BPFFS(t) + "/clearway"
	c.do(func() (err error) {
		c.dp, err = dataplane.Open(dataplane.Config{BPFFS: bpffs, Version: "test"})
		return err
	})
	t.Cleanup(func() {
		c.dp.Close()
		c.do(func() error {
			_, err := dataplane.Detach(bpffs, nil)
			return err
		})
	})
	c.apply()
	c.apply() // attaching may have changed what the kernel says of devices
	for _, name := range s.ports {
		tap, err := wire.NewCapture(router, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tap.Close() })
		c.taps[name] = tap
	}
	return c
}

// do runs fn inside the router, and ends the test if it fails.
func (c *clearway) do(fn func() error) {
	c.t.Helper()
	if err := c.router.Do(fn); err != nil {
		c.t.Fatal(err)
	}
}

// apply follows the kernel's state.
func (c *clearway) apply() {
	c.t.Helper()
	c.do(func() error {
		ctx := context.Background()
		view, err := netstate.Read(ctx)
		if err != nil {
			return err
		}
		hops, err := netstate.NextHops(ctx, plan.Addresses(c.config))
		if err != nil {
			return err
		}
		state, _, err := plan.Build(plan.Input{Config: c.config, View: view, NextHops: hops})
		if err != nil {
			return err
		}
		for _, p := range state.Ports {
			c.ports[p.Name] = p.Ifindex
		}
		for _, i := range plan.Offloads(c.config, view) {
			if err := netstate.SetVLANOffload(i, false); err != nil {
				return err
			}
		}
		_, err = c.dp.Apply(ctx, state)
		return err
	})
}

// explain says what will become of frames. One that arrives on no port of
// Clearway has no explanation.
func (c *clearway) explain(frames []frame) []*dataplane.Explanation {
	c.t.Helper()
	all := make([]*dataplane.Explanation, len(frames))
	c.do(func() error {
		for i, f := range frames {
			ifindex, ok := c.ports[f.port]
			if !ok {
				continue
			}
			e, err := c.dp.Explain(ifindex, f.bytes)
			if err != nil {
				return err
			}
			all[i] = &e
		}
		return nil
	})
	return all
}

// counts are the packets by reason, over all ports, and those received.
type counts struct {
	received, lost uint64
	reasons        map[dataplane.Reason]uint64
}

func (c *clearway) counts() counts {
	c.t.Helper()
	stats, err := c.dp.Stats()
	if err != nil {
		c.t.Fatal(err)
	}
	all := counts{reasons: map[dataplane.Reason]uint64{}}
	for _, p := range stats.Ports {
		all.received += p.Received.Packets
		all.lost += p.LostAfterEmit
		for reason, n := range p.Reasons {
			all.reasons[reason] += n.Packets
		}
	}
	return all
}

// heard returns what the router's stack got from Clearway's ports.
func (c *clearway) heard(quiet time.Duration) ([]frame, error) { return listen(c.taps, quiet) }
