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
func Run(ctx context.Context, o Options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	fmt.Fprint(o.Out, picture)
	lab := topo.Demo()
	if err := lab.Up(ctx); err != nil {
		return fmt.Errorf("making the lab: %w", err)
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	daemon, err := newDaemon(lab, o.Program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daemon.remove(ctx)) }()
	if err := daemon.start(ctx); err != nil {
		return err
	}
	s := &stage{lab: lab, daemon: daemon, out: o.Out}
	return s.play(ctx)
}

const picture = `Clearway: a router in a lab of network namespaces

  client ──── eth0 [router] eth1 ──── server1    forward.allow: its prefixes
  192.0.2.2                 eth2 ──── server2    not allowed: Linux forwards
  2001:db8:1::2             │         203.0.113.2, 2001:db8:200::2
                            │         198.51.100.2, 2001:db8:100::2

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
	if err := s.costs(ctx); err != nil {
		failed = append(failed, err)
	}
	if err := s.totals(ctx); err != nil {
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		fmt.Fprintln(s.out, "\nAll as it should be. Everything is removed.")
	}
	return errors.Join(failed...)
}
