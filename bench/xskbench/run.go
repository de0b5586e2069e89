// SPDX-License-Identifier: Apache-2.0

// Package xskbench compares package xsk with the same work in C on libxdp, and
// with AF_PACKET's mapped rings, as bench/README.md describes: method M3.
package xskbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"clearway/bench/measure"
)

// works are what each contender does with packets.
var works = []string{"receive", "send", "forward"}

// Names of the contenders.
const (
	ours   = "xsk"
	inC    = "libxdp, C"
	packet = "AF_PACKET, mapped"
)

// contender is a program in a lab.
type contender struct {
	name    string
	program string
	kind    string // the program's first argument
	lab     *lab
}

// size and batch are those of all packets.
const (
	size  = 64
	batch = 64
)

// Run measures and returns the rows and costs. It needs root, the modules'
// source, and the packages that Compile calls for.
func Run(ctx context.Context, o measure.Options) (rows []measure.Row, costs []measure.Cost, err error) {
	dir, err := os.MkdirTemp("", "clearway-xskbench-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	programs, err := compile(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	var labs [2]*lab // with and without a program for sockets
	for i := range labs {
		if labs[i], err = newLab(ctx, i == 0); err != nil {
			return nil, nil, fmt.Errorf("making a lab: %w", err)
		}
		defer func() { err = errors.Join(err, labs[i].Close()) }()
	}
	contenders := []contender{
		{ours, programs.worker, "xsk", labs[0]},
		{inC, programs.peer, "xsk", labs[0]},
		{packet, programs.worker, "packet", labs[1]},
	}
	for _, work := range works {
		series, err := interleave(ctx, o, work, contenders)
		if err != nil {
			return nil, nil, fmt.Errorf("measuring %s: %w", work, err)
		}
		rows = append(rows, compare(work, series)...)
		for i, c := range contenders {
			costs = append(costs, measure.Cost{Name: work + ": " + c.name, Rounds: series[i]})
		}
	}
	return rows, costs, nil
}

// interleave measures all contenders once a round, in turns, and returns the
// nanoseconds a packet of each.
func interleave(ctx context.Context, o measure.Options, work string, contenders []contender) ([]measure.Series, error) {
	series := make([]measure.Series, len(contenders))
	packets := make([]int, len(contenders))
	const first = 20_000 // tells how many are needed
	for i, c := range contenders {
		ns, err := c.sample(ctx, o, work, first)
		if err != nil {
			return nil, err
		}
		packets[i] = max(first, int(float64(o.Duration)/ns))
	}
	for round := range o.Rounds {
		for i, c := range contenders {
			ns, err := c.sample(ctx, o, work, packets[i])
			if err != nil {
				return nil, err
			}
			series[i] = append(series[i], ns)
		}
		fmt.Fprintf(o.Progress, "%s: round %d of %d\n", work, round+1, o.Rounds)
	}
	return series, nil
}

// compare makes the rows of a work from the series of ours, C and AF_PACKET:
// packets a second are the inverse of what one costs.
func compare(work string, series []measure.Series) []measure.Row {
	ratio := func(other measure.Series) measure.Series {
		out := make(measure.Series, len(other))
		for i := range out {
			out[i] = other[i] / series[0][i]
		}
		return out
	}
	return []measure.Row{
		{Method: "M3", Name: work + ": packets a second, xsk over libxdp in C", Unit: "x",
			Target: measure.Target{Relation: "at least", Value: 0.98}, Rounds: ratio(series[1])},
		{Method: "M3", Name: work + ": packets a second, xsk over AF_PACKET", Unit: "x", Rounds: ratio(series[2])},
	}
}

// sampleLimit is far above what a sample takes, also on a busy machine.
const sampleLimit = 30 * time.Second
