// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"clearway/internal/topo"
)

// Options say how to show the demonstration.
type Options struct {
	Program string    // path of the clearway program, which is started as the daemon
	Out     io.Writer // where the tables go
}

// Run makes the lab, sends the traffic, prints the tables and removes all
// traces. It returns an error if anything was not as it should be.
func Run(ctx context.Context, o Options) error {
	fmt.Fprint(o.Out, picture)
	err := onStage(ctx, o, func(ctx context.Context, s *stage) error { return s.play(ctx) })
	if err == nil {
		fmt.Fprintln(o.Out, "\nAll as it should be, and everything is removed.")
	}
	return err
}

// Costs measures in the same lab what the programs take for packets of each kind.
func Costs(ctx context.Context, o Options) (costs []Cost, err error) {
	err = onStage(ctx, o, func(_ context.Context, s *stage) error {
		costs, err = s.costs()
		return err
	})
	return costs, err
}

// onStage makes the lab with a running daemon, and removes it after fn.
func onStage(ctx context.Context, o Options, fn func(context.Context, *stage) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	lab := topo.Demo()
	if err := lab.Up(ctx); err != nil {
		return fmt.Errorf("making the lab: %w", err)
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	daemon, err := newDaemon(lab, o.Program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daemon.remove()) }()
	if err := daemon.start(ctx); err != nil {
		return err
	}
	return fn(ctx, &stage{lab: lab, daemon: daemon, out: o.Out})
}

const picture = `Clearway: a router in a lab of network namespaces

  client ──── eth0 [router] eth1 ──── server1    198.51.100.2, 2001:db8:100::2: in forward.allow
  192.0.2.2                 eth2 ──── server2    203.0.113.2, 2001:db8:200::2: not in it, Linux forwards
  2001:db8:1::2

`

// stage is where the scenes play.
type stage struct {
	lab    *topo.Lab
	daemon *daemon
	out    io.Writer
}

func (s *stage) play(ctx context.Context) error {
	var failed []error
	t := newTable(s.out, "traffic", "result", "what became of it")
	for _, scene := range scenes() {
		err := s.run(ctx, scene, t)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", scene.name, err))
		}
	}
	t.flush()
	if err := s.restarts(ctx); err != nil {
		failed = append(failed, err)
	}
	if err := s.showCosts(); err != nil {
		failed = append(failed, err)
	}
	if err := s.totals(ctx); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
