// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"fmt"

	"github.com/cilium/ebpf"

	"clearway/bench/harness"
	"clearway/dataplane"
)

// balancePaths measures M2.
func (b *bench) balancePaths(ctx context.Context) (harness.Costs, error) {
	clients := randomClients(b.random, someFlows)
	var contenders []harness.Contender
	for _, f := range families {
		traffic := clientTraffic{f.service(dataplane.TrackChanged), clients, flagACK}
		for _, name := range []string{floor, sentBack, fixedBackend, others, ours} {
			c, err := b.balancePath(ctx, f, name, traffic)
			if err != nil {
				return nil, fmt.Errorf("preparing %s%s: %w", f.roundTrip(), name, err)
			}
			contenders = append(contenders, harness.Contender{Name: f.roundTrip() + name, Sample: func() (float64, error) {
				return c.cost(b.Duration, name != floor)
			}})
		}
	}
	return harness.Interleave(ctx, b.Options, "M2", contenders)
}

// balancePath makes a lab whose router is the contender of that name, checks it
// with one packet, and puts the end of the way in its place.
func (b *bench) balancePath(ctx context.Context, f family, name string, traffic clientTraffic) (*chain, error) {
	r, err := b.newRouter(ctx, balancerSpec())
	if err != nil {
		return nil, err
	}
	c, err := traffic.chain(r.lab, b.CPU)
	if err != nil {
		return nil, err
	}
	b.later(c.stop)
	if name == ours {
		_, err = b.newBalancer(ctx, r.lab, services)
	} else {
		err = b.attachBalancer(f, name, r, c)
	}
	if err != nil || name == floor {
		return c, err
	}
	// The way ends at the generator itself. Frames that a program sends back wait,
	// unless there is one here as well.
	if err := c.attach(c.host, c.device, r.contenders.Empty); err != nil {
		return nil, err
	}
	want := balances
	if name == sentBack {
		want = returns
	}
	if err := c.check(ctx, want); err != nil {
		return nil, err
	}
	return c, c.replace(r.contenders.Drop)
}

// attachBalancer makes a router the peer of that name.
func (b *bench) attachBalancer(f family, name string, r *router, c *chain) error {
	var program *ebpf.Program
	switch name {
	case floor:
		program = r.contenders.Drop
	case others:
		peer, err := b.newClassical()
		if err != nil {
			return err
		}
		program = peer.program(f)
	default:
		floors, err := newBalancers()
		if err != nil {
			return err
		}
		b.later(floors.Close)
		program = floors.Tx
		if name == fixedBackend {
			program = f.program(floors.FixedBackend4, floors.FixedBackend6)
		}
	}
	return c.attach(routerHost, r.lab.ingress, program)
}
