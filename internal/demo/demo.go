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

// lane is a part of the demonstration, with a lab and a daemon of its own.
type lane struct {
	name    string
	picture string
	lab     func() *topo.Lab
	config  string // of the daemon, but for where it keeps its things
	play    func(context.Context, *stage) error
}

// Run shows one lane after the other: it makes the lab, sends the traffic,
// prints the tables and removes all traces. It returns an error if anything was
// not as it should be.
func Run(ctx context.Context, o Options) error {
	var failed []error
	for _, l := range []lane{forwardLane, balanceLane, puntLane} {
		if ctx.Err() != nil {
			failed = append(failed, fmt.Errorf("%s lane: not shown: %w", l.name, context.Cause(ctx)))
			break
		}
		fmt.Fprint(o.Out, l.picture)
		if err := l.onStage(ctx, o, l.play); err != nil {
			failed = append(failed, fmt.Errorf("%s lane: %w", l.name, err))
		}
		fmt.Fprintln(o.Out)
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	fmt.Fprintln(o.Out, "All as it should be, and everything is removed.")
	return nil
}

// Costs measures in the lab of the forward lane what the programs take for
// packets of each kind.
func Costs(ctx context.Context, o Options) (costs []Cost, err error) {
	err = forwardLane.onStage(ctx, o, func(ctx context.Context, s *stage) error {
		costs, err = s.costs(ctx)
		return err
	})
	return costs, err
}

// stage is where a lane plays.
type stage struct {
	lab    *topo.Lab
	daemon *daemon
	out    io.Writer
}

// onStage makes the lab with a running daemon, and removes it after fn.
func (l lane) onStage(ctx context.Context, o Options, fn func(context.Context, *stage) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	lab := l.lab()
	if err := lab.Up(ctx); err != nil {
		return fmt.Errorf("making the lab: %w", err)
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	daemon, err := newDaemon(lab, o.Program, l.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daemon.remove()) }()
	if err := daemon.start(ctx); err != nil {
		return err
	}
	return fn(ctx, &stage{lab: lab, daemon: daemon, out: o.Out})
}
