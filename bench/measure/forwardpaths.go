// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"clearway/bench/harness"
	"clearway/internal/config"
)

// path is the traffic of M2, a prefix of names as those of M1.
const path = "IPv4 end to end, 1,024 flows:"

// forwardPaths measures M2.
func (b *bench) forwardPaths(ctx context.Context) (harness.Costs, error) {
	flows := allowedFlows4(b.random, someFlows)
	var contenders []harness.Contender
	for _, name := range []string{floor, fixed, fib, ours, linux, conntrack, rules} {
		r, err := b.newRouter(ctx, routerSpec())
		if err != nil {
			return nil, err
		}
		c, err := newChain(r.lab, flows, b.CPU)
		if err != nil {
			return nil, err
		}
		b.later(c.stop)
		if err := b.prepare(ctx, name, r, c); err != nil {
			return nil, fmt.Errorf("preparing %s%s: %w", path, name, err)
		}
		contenders = append(contenders, harness.Contender{Name: path + name, Sample: func() (float64, error) {
			return c.cost(b.Duration, name != floor)
		}})
	}
	return harness.Interleave(ctx, b.Options, "M2", contenders)
}

// prepare makes a router the contender of that name, checks it with one packet
// and puts the end of the way in its place.
func (b *bench) prepare(ctx context.Context, name string, r *router, c *chain) (err error) {
	native := map[string]*ebpf.Program{
		floor: r.contenders.Drop,
		fixed: r.contenders.Fixed4,
		fib:   r.contenders.Fib4,
	}
	switch name {
	case ours:
		_, err = b.newClearway(ctx, r.lab, &config.Config{Forward: config.Forward{Allow: []netip.Prefix{allow4, allow6}}})
	case linux:
	case conntrack, rules:
		err = addFirewall(ctx, r.lab, ruleset(name == conntrack))
	default:
		err = c.attach(routerHost, r.lab.ingress, native[name])
	}
	if err != nil || name == floor {
		return err
	}
	if err := c.check(ctx, forwards); err != nil {
		return err
	}
	// What Linux sends ends in the sink's stack: a packet of its own would have
	// to be converted for a program there.
	if name == ours || native[name] != nil {
		return c.attach(sinkHost, r.lab.sink, r.contenders.Drop)
	}
	return nil
}
