// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"syscall"

	"clearway/internal/topo"
)

const puntQueues = 2

// dnsAt is the router's own: what is not punted, Linux answers.
var dnsAt = netip.AddrPortFrom(router4, 53)

var puntLane = lane{
	name: "punt",
	picture: `Clearway, the punt lane: a router whose DNS queries a program answers in user space, through AF_XDP

  client ──── eth0 [router]   192.0.2.1, UDP port 53, is a punt rule
  192.0.2.2    2 queues       a resolver on an ordinary socket is there, too: it answers what Linux gets

`,
	lab: func() *topo.Lab {
		lab := topo.Demo()
		lab.Links[0].Queues = puntQueues
		return lab
	},
	config: fmt.Sprintf(`interfaces: [{name: eth0}]
punt: [{name: dns, protocol: udp, address: %s, port: %d}]
`, dnsAt.Addr(), dnsAt.Port()),
	play: playPunt,
}

// dns is the stage of the punt lane.
type dns struct {
	*stage
	linux    *resolver
	answered [puntQueues]atomic.Uint64 // by the program
	program  *xskProgram               // nil: none runs
}

func playPunt(ctx context.Context, s *stage) (err error) {
	d := &dns{stage: s}
	if d.linux, err = startResolver(ctx, s.lab.Host("router"), dnsAt); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end(ctx), d.linux.close()) }()
	t := newTable(s.out, "what happens", "queries", "answered", "by queue 0", "by queue 1", "by Linux", "a second", "what became of them")
	var failed []error
	for _, r := range rounds() {
		if ctx.Err() != nil {
			break
		}
		if err := d.play(ctx, r, t); err != nil {
			t.row(r.name, "FAILED")
			failed = append(failed, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	t.flush()
	return errors.Join(append(failed, s.totals(ctx))...)
}

func (d *dns) start(ctx context.Context) (err error) {
	d.program, err = startXSKProgram(ctx, d.lab.Host("router"), d.answered[:], d.daemon.path("clearway.sock"))
	return err
}

func (d *dns) end(context.Context) error {
	if d.program == nil {
		return nil
	}
	p := d.program
	d.program = nil
	return p.close()
}

func (d *dns) restart(ctx context.Context) error {
	if err := d.daemon.end(syscall.SIGKILL); err != nil {
		return err
	}
	return d.daemon.start(ctx)
}
