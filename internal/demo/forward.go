// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"

	"clearway/internal/topo"
)

var forwardLane = lane{
	name: "forward",
	picture: `Clearway, the forward lane: a router in a lab of network namespaces

  client ──── eth0 [router] eth1 ──── server1    198.51.100.2, 2001:db8:100::2: in forward.allow
  192.0.2.2                 eth2 ──── server2    203.0.113.2, 2001:db8:200::2: not in it, Linux forwards
  2001:db8:1::2

`,
	lab: topo.Demo,
	config: `interfaces:
  - {name: eth0}
  - {name: eth1}
  - {name: eth2}
forward:
  allow: [198.51.100.0/24, "2001:db8:100::/64"]
  block: [198.51.100.64/26]
`,
	play: playForward,
}

func playForward(ctx context.Context, s *stage) error {
	var failed []error
	t := newTable(s.out, "traffic", "result", "what became of it")
	for _, scene := range scenes() {
		if err := s.run(ctx, scene, t); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", scene.name, err))
		}
	}
	t.flush()
	for _, rest := range []func(context.Context) error{s.restarts, s.showCosts, s.totals} {
		if ctx.Err() != nil {
			break
		}
		failed = append(failed, rest(ctx))
	}
	return errors.Join(failed...)
}
