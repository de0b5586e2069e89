// SPDX-License-Identifier: Apache-2.0

// Package harness measures contenders in turns, forms figures of what they cost,
// and reports them. What the contenders are, and how a packet's cost is found, is
// left to those who use it: see bench/README.md.
package harness

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Options say how long and where to measure.
type Options struct {
	Rounds   int           // how often each contender is measured, in turns
	Packets  int           // least packets of a sample of M1
	Duration time.Duration // of a sample of the other methods
	CPU      int           // where all of it runs
	Progress io.Writer     // gets a line a round
}

// Lane is a part that can be measured by itself.
type Lane struct {
	Name, Title string
	Measure     func(context.Context, Options) (rows []Row, costs Costs, err error)
}

// Run measures lanes and returns the report. It needs root, and leaves nothing
// behind but what ctx's end or an error made it say.
func Run(ctx context.Context, o Options, lanes ...Lane) (*Report, error) {
	if err := ready(); err != nil {
		return nil, err
	}
	r := &Report{Time: time.Now(), Machine: thisMachine(), Options: o}
	for _, l := range lanes {
		rows, costs, err := l.Measure(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("measuring %s: %w", l.Title, err)
		}
		r.Sections = append(r.Sections, Section{l.Title, rows, costs})
	}
	return r, nil
}

// Contender is one thing to be measured: Sample answers the nanoseconds of CPU
// time that a packet takes.
type Contender struct {
	Name   string
	Sample func() (float64, error)
}

// Interleave measures all contenders once a round, always in the same order.
func Interleave(ctx context.Context, o Options, what string, contenders []Contender) (Costs, error) {
	costs := make(Costs, len(contenders))
	for i, c := range contenders {
		costs[i].Name = c.Name
	}
	for round := range o.Rounds {
		fmt.Fprintf(o.Progress, "%s: round %d of %d\n", what, round+1, o.Rounds)
		for i, c := range contenders {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			ns, err := c.Sample()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			costs[i].Rounds = append(costs[i].Rounds, ns)
		}
	}
	return costs, nil
}
