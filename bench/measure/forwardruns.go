// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"net/netip"

	"github.com/cilium/ebpf"

	"clearway/dataplane"
	"clearway/internal/config"
)

// forwarder is a router with Clearway, which may forward to certain prefixes.
type forwarder struct {
	*router
	*clearway
}

func (b *bench) newForwarder(ctx context.Context, allow []netip.Prefix) (forwarder, error) {
	r, err := b.newRouter(ctx, routerSpec())
	if err != nil {
		return forwarder{}, err
	}
	c, err := b.newClearway(ctx, r.lab, &config.Config{Forward: config.Forward{Allow: allow}})
	return forwarder{r, c}, err
}

// forwardRuns lists what is run, in two routers that differ in what Clearway
// may forward to.
func (b *bench) forwardRuns(ctx context.Context) (runs []programRun, err error) {
	one, err := b.newForwarder(ctx, []netip.Prefix{allow4, allow6})
	if err != nil {
		return nil, err
	}
	prefixes := scattered(b.random, manyPrefixes)
	other, err := b.newForwarder(ctx, prefixes)
	if err != nil {
		return nil, err
	}
	p := one.contenders
	for _, t := range []forwardTraffic{
		{forward4, allowedFlows4(b.random, someFlows), p.Fixed4, p.Fib4, forwards, dataplane.Forward, nil},
		{miss4, missedFlows4(b.random, someFlows, prefixes), p.Fixed4, nil, passes, dataplane.PassNoMatch, &other},
		{missMany4, missedFlows4(b.random, manyFlows, prefixes), nil, nil, passes, dataplane.PassNoMatch, &other},
		{forward6, flows6(b.random, someFlows, true), p.Fixed6, p.Fib6, forwards, dataplane.Forward, nil},
		{miss6, flows6(b.random, someFlows, false), nil, nil, passes, dataplane.PassNoMatch, nil},
	} {
		some, err := t.runs(b, one)
		if err != nil {
			return nil, err
		}
		runs = append(runs, some...)
	}
	return runs, nil
}

// forwardTraffic is traffic of the forward lane, and who gets it beside the empty
// program and Clearway.
type forwardTraffic struct {
	name       string
	flows      []netip.Addr
	fixed, fib *ebpf.Program // nil: not with this traffic
	outcome    outcome       // of Clearway
	reason     dataplane.Reason
	other      *forwarder // the Clearway of many prefixes, likewise
}

func (t forwardTraffic) runs(b *bench, f forwarder) ([]programRun, error) {
	feed, err := b.feedOf(f.lab, t.flows)
	if err != nil {
		return nil, err
	}
	runs := []programRun{{t.name + empty, feed, f.contenders.Empty, passes, nil}}
	if t.fixed != nil {
		runs = append(runs, programRun{t.name + fixed, feed, t.fixed, forwards, nil})
	}
	if t.fib != nil {
		runs = append(runs, programRun{t.name + fib, feed, t.fib, forwards, nil})
	}
	runs = append(runs, programRun{t.name + ours, feed, f.decide, t.outcome, f.counts(t.reason)})
	if t.other != nil {
		if feed, err = b.feedOf(t.other.lab, t.flows); err != nil {
			return nil, err
		}
		runs = append(runs, programRun{t.name + oursMany, feed, t.other.decide, t.outcome, t.other.counts(t.reason)})
	}
	return runs, nil
}

// feedOf is newFeed, closed in the end.
func (b *bench) feedOf(l *lab, flows []netip.Addr) (*feed, error) {
	f, err := newFeed(l, flows, b.CPU)
	if err != nil {
		return nil, err
	}
	b.later(f.close)
	return f, nil
}
