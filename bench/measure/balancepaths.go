// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"fmt"

	"github.com/cilium/ebpf"

	"clearway/dataplane"
)

// roundTrip is the traffic of M2 of the balance lane.
const roundTrip = "IPv4 to a service and back, 1,024 flows:"

// balancePaths measures M2.
func (b *bench) balancePaths(ctx context.Context) (costs, error) {
	traffic := clientTraffic{families[0].service(dataplane.TrackChanged), randomClients(b.random, someFlows), flagACK}
	var contenders []contender
	for _, name := range []string{floor, sentBack, fixedBackend, others, ours} {
		r, err := b.newRouter(ctx, balancerSpec())
		if err != nil {
			return costs{}, err
		}
		c, err := traffic.chain(r.lab, b.CPU)
		if err != nil {
			return costs{}, err
		}
		b.later(c.stop)
		if err := b.prepareBalancer(ctx, name, r, c); err != nil {
			return costs{}, fmt.Errorf("preparing %s%s: %w", roundTrip, name, err)
		}
		contenders = append(contenders, contender{roundTrip + name, func() (float64, error) {
			return c.cost(b.Duration, name != floor)
		}})
	}
	return b.interleave(ctx, "M2", contenders)
}

// prepareBalancer is prepare for the balance lane. The way ends at the generator
// itself.
func (b *bench) prepareBalancer(ctx context.Context, name string, r *router, c *chain) error {
	if name == ours {
		if _, err := b.newBalancer(ctx, r.lab, services); err != nil {
			return err
		}
	} else {
		program, err := b.nativeBalancer(name, r)
		if err != nil {
			return err
		}
		if err := c.attach(routerHost, r.lab.ingress, program); err != nil {
			return err
		}
	}
	want := balances
	switch name {
	case floor:
		return nil
	case sentBack:
		want = returns
	}
	// Frames that a program sends back wait, unless there is one here as well.
	if err := c.attach(c.host, c.device, r.contenders.Empty); err != nil {
		return err
	}
	if err := c.check(ctx, want); err != nil {
		return err
	}
	return c.replace(r.contenders.Drop)
}

// nativeBalancer is the peer of that name.
func (b *bench) nativeBalancer(name string, r *router) (*ebpf.Program, error) {
	if name == floor {
		return r.contenders.Drop, nil
	}
	if name == others {
		c, err := b.newClassical()
		if err != nil {
			return nil, err
		}
		return c.Classical4, nil
	}
	floors, err := newBalancers()
	if err != nil {
		return nil, err
	}
	b.later(floors.Close)
	if name == sentBack {
		return floors.Tx, nil
	}
	return floors.FixedBackend4, nil
}
