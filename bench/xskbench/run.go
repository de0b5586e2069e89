// SPDX-License-Identifier: Apache-2.0

// Package xskbench compares package xsk with the same work in C on libxdp, and
// with AF_PACKET's mapped rings, as bench/README.md describes: methods M3 and M4.
package xskbench

import (
	"context"
	"errors"
	"fmt"
	"os"

	"clearway/bench/harness"
)

// Lane is what is measured here. It needs root, the module's source, and the
// packages that compile calls for.
var Lane = harness.Lane{Name: "xsk", Title: "AF_XDP", Measure: measure}

// works are what each contender does with packets.
var works = []string{"receive", "send", "forward"}

// Names of the contenders.
const (
	ours   = ": xsk"
	inC    = ": libxdp, C"
	packet = ": AF_PACKET, mapped"
	rings  = " on rings in plain memory: xsk"
)

func measure(ctx context.Context, o harness.Options) (rows []harness.Row, costs harness.Costs, err error) {
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
		c, allocations, err := interleave(ctx, o, work, contenders)
		if err != nil {
			return nil, nil, fmt.Errorf("measuring %s: %w", work, err)
		}
		rows, costs = append(rows, workRows(work, c, allocations)...), append(costs, c...)
	}
	c, err := ringCosts(ctx, o, programs.rings)
	if err != nil {
		return nil, nil, fmt.Errorf("measuring rings in plain memory: %w", err)
	}
	return append(rows, ringRows(c)...), append(costs, c...), nil
}

// interleave measures all contenders with a work. The allocations are those of
// ours.
func interleave(ctx context.Context, o harness.Options, work string, all []contender) (costs harness.Costs, allocations harness.Series, err error) {
	const first = 20_000 // packets, which tell how many are needed
	var contenders []harness.Contender
	for _, c := range all {
		f, err := c.sample(ctx, o, work, first)
		if err != nil {
			return nil, nil, err
		}
		packets := max(first, int(float64(o.Duration)/f.ns))
		contenders = append(contenders, harness.Contender{Name: work + c.name, Sample: func() (float64, error) {
			f, err := c.sample(ctx, o, work, packets)
			if c.name == ours {
				allocations = append(allocations, f.allocations)
			}
			return f.ns, err
		}})
	}
	costs, err = harness.Interleave(ctx, o, "M3, "+work, contenders)
	return costs, allocations, err
}
