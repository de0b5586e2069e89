// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"net/netip"

	"clearway/bench/harness"
	"clearway/dataplane"
	"clearway/internal/config"
)

// Numbers of flows: those that fit the nearest caches, and those that don't.
const (
	someFlows = 1 << 10
	manyFlows = 1 << 16
)

// manyPrefixes is the number of scattered prefixes that stand beside one.
const manyPrefixes = 10_000

// The traffic of M1, and with a space and a contender's name behind the name of
// a series.
const (
	forward4  = "IPv4 forwarded, 1,024 flows:"
	miss4     = "IPv4 not allowed, 1,024 flows:"
	missMany4 = "IPv4 not allowed, 65,536 flows:"
	forward6  = "IPv6 forwarded, 1,024 flows:"
	miss6     = "IPv6 not allowed, 1,024 flows:"
)

// The contenders.
const (
	ours      = " Clearway"
	oursMany  = " Clearway, 10,000 prefixes"
	fib       = " (a) bpf_fib_lookup"
	empty     = " (b) empty program"
	linux     = " (c) Linux"
	conntrack = " (d) Linux, conntrack before 100 rules"
	rules     = " Linux, conntrack behind 100 rules"
	fixed     = " (e) fixed next hop"
	floor     = " dropped by the router"
)

// forwardPrograms measures M1.
func (b *bench) forwardPrograms(ctx context.Context) (harness.Costs, error) {
	runs, err := b.forwardRuns(ctx)
	if err != nil {
		return nil, err
	}
	return b.measurePrograms(ctx, runs)
}

// forwardRuns lists what is run, in two routers that differ in what Clearway
// may forward there.
func (b *bench) forwardRuns(ctx context.Context) ([]programRun, error) {
	one, err := b.newRouter(ctx, routerSpec())
	if err != nil {
		return nil, err
	}
	few, err := b.newClearway(ctx, one.lab, &config.Config{Forward: config.Forward{Allow: []netip.Prefix{allow4, allow6}}})
	if err != nil {
		return nil, err
	}
	other, err := b.newRouter(ctx, routerSpec())
	if err != nil {
		return nil, err
	}
	prefixes := scattered(b.random, manyPrefixes)
	many, err := b.newClearway(ctx, other.lab, &config.Config{Forward: config.Forward{Allow: prefixes}})
	if err != nil {
		return nil, err
	}
	some := missedFlows4(b.random, someFlows, prefixes)
	more := missedFlows4(b.random, manyFlows, prefixes)
	var feeds []*feed
	for _, f := range []struct {
		router *router
		flows  []netip.Addr
	}{
		{one, allowedFlows4(b.random, someFlows)},
		{one, some}, {other, some},
		{one, more}, {other, more},
		{one, flows6(b.random, someFlows, true)},
		{one, flows6(b.random, someFlows, false)},
	} {
		feed, err := newFeed(f.router.lab, f.flows, b.CPU)
		if err != nil {
			return nil, err
		}
		b.later(feed.close)
		feeds = append(feeds, feed)
	}
	c := one.contenders
	forward, miss := few.counts(dataplane.Forward), few.counts(dataplane.PassNoMatch)
	missMany := many.counts(dataplane.PassNoMatch)
	return []programRun{
		{forward4 + empty, feeds[0], c.Empty, passes, nil},
		{forward4 + fixed, feeds[0], c.Fixed4, forwards, nil},
		{forward4 + fib, feeds[0], c.Fib4, forwards, nil},
		{forward4 + ours, feeds[0], few.decide, forwards, forward},
		{miss4 + empty, feeds[1], c.Empty, passes, nil},
		{miss4 + fixed, feeds[1], c.Fixed4, forwards, nil},
		{miss4 + ours, feeds[1], few.decide, passes, miss},
		{miss4 + oursMany, feeds[2], many.decide, passes, missMany},
		{missMany4 + empty, feeds[3], c.Empty, passes, nil},
		{missMany4 + ours, feeds[3], few.decide, passes, miss},
		{missMany4 + oursMany, feeds[4], many.decide, passes, missMany},
		{forward6 + empty, feeds[5], c.Empty, passes, nil},
		{forward6 + fixed, feeds[5], c.Fixed6, forwards, nil},
		{forward6 + fib, feeds[5], c.Fib6, forwards, nil},
		{forward6 + ours, feeds[5], few.decide, forwards, forward},
		{miss6 + empty, feeds[6], c.Empty, passes, nil},
		{miss6 + ours, feeds[6], few.decide, passes, miss},
	}, nil
}
