// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"clearway/dataplane"
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

// programs measures M1.
func (b *bench) programs(ctx context.Context) (costs, error) {
	runs, err := b.programRuns(ctx)
	if err != nil {
		return costs{}, err
	}
	var contenders []contender
	for _, r := range runs {
		if err := r.check(); err != nil {
			return costs{}, fmt.Errorf("checking %s: %w", r.name, err)
		}
		contenders = append(contenders, contender{r.name, func() (float64, error) {
			return r.feed.cost(r.program, b.Packets)
		}})
	}
	return b.interleave(ctx, "M1", contenders)
}

// programRun is one contender with one kind of traffic.
type programRun struct {
	name     string
	feed     *feed
	program  *ebpf.Program
	forwards bool
	clearway *clearway // where program is its decide
}

// check proves that the contender does its job.
func (r programRun) check() error {
	verdict, frame := uint32(xdpPass), r.feed.frame
	if r.forwards {
		verdict, frame = xdpRedirect, forwarded(frame, egressMAC, nextHopMAC)
	}
	if err := r.feed.check(r.program, verdict, frame); err != nil {
		return err
	}
	if r.clearway == nil {
		return nil
	}
	reason := dataplane.PassNoMatch
	if r.forwards {
		reason = dataplane.Forward
	}
	return r.clearway.expect(reason, manyFlows, func() error {
		_, _, _, err := r.feed.run(manyFlows, nil)
		return err
	})
}

// programRuns lists what is run, in two routers that differ in what Clearway
// may forward there.
func (b *bench) programRuns(ctx context.Context) ([]programRun, error) {
	one, err := b.newRouter(ctx)
	if err != nil {
		return nil, err
	}
	few, err := b.newClearway(ctx, one.lab, allow4, allow6)
	if err != nil {
		return nil, err
	}
	other, err := b.newRouter(ctx)
	if err != nil {
		return nil, err
	}
	prefixes := scattered(b.random, manyPrefixes)
	many, err := b.newClearway(ctx, other.lab, prefixes...)
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
		b.later(feed.traffic.Close)
		feeds = append(feeds, feed)
	}
	c := one.contenders
	return []programRun{
		{forward4 + empty, feeds[0], c.Empty, false, nil},
		{forward4 + fixed, feeds[0], c.Fixed4, true, nil},
		{forward4 + fib, feeds[0], c.Fib4, true, nil},
		{forward4 + ours, feeds[0], few.decide, true, few},
		{miss4 + empty, feeds[1], c.Empty, false, nil},
		{miss4 + fixed, feeds[1], c.Fixed4, true, nil},
		{miss4 + ours, feeds[1], few.decide, false, few},
		{miss4 + oursMany, feeds[2], many.decide, false, many},
		{missMany4 + empty, feeds[3], c.Empty, false, nil},
		{missMany4 + ours, feeds[3], few.decide, false, few},
		{missMany4 + oursMany, feeds[4], many.decide, false, many},
		{forward6 + empty, feeds[5], c.Empty, false, nil},
		{forward6 + fixed, feeds[5], c.Fixed6, true, nil},
		{forward6 + fib, feeds[5], c.Fib6, true, nil},
		{forward6 + ours, feeds[5], few.decide, true, few},
		{miss6 + empty, feeds[6], c.Empty, false, nil},
		{miss6 + ours, feeds[6], few.decide, false, few},
	}, nil
}
