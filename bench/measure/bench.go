// SPDX-License-Identifier: Apache-2.0

// Package measure compares Clearway with its peers on this machine, by the two
// methods that bench/README.md describes: M1 times programs, M2 the whole way of
// packets through a router.
package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"clearway/bench/harness"
)

// Lanes are what is measured here.
var Lanes = []harness.Lane{
	{Name: "forward", Title: "Forward lane", Measure: lane((*bench).forwardPrograms, (*bench).forwardPaths, forwardRows)},
	{Name: "balance", Title: "Balance lane", Measure: lane((*bench).balancePrograms, (*bench).balancePaths, balanceRows)},
}

// method measures all that is measured in one way.
type method func(*bench, context.Context) (harness.Costs, error)

// bench holds what is made for the measurements, to be removed in the end.
type bench struct {
	harness.Options
	random *rand.Rand
	undo   []func() error
}

func (b *bench) later(undo func() error) { b.undo = append(b.undo, undo) }

// lane measures by M1 and M2, and forms the rows.
func lane(programs, paths method, rows func(harness.Costs) []harness.Row) func(context.Context, harness.Options) ([]harness.Row, harness.Costs, error) {
	return func(ctx context.Context, o harness.Options) (_ []harness.Row, _ harness.Costs, err error) {
		// The same addresses every time: figures are compared across versions.
		b := &bench{Options: o, random: rand.New(rand.NewPCG(1, 2))}
		defer func() {
			for _, undo := range slices.Backward(b.undo) {
				err = errors.Join(err, undo())
			}
		}()
		m1, err := programs(b, ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("measuring programs: %w", err)
		}
		m2, err := paths(b, ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("measuring whole paths: %w", err)
		}
		costs := slices.Concat(m1, m2)
		return rows(costs), costs, nil
	}
}

// net is what comes on top of the empty program with the same traffic.
func net(c harness.Costs, traffic, contender string) harness.Series {
	return c.Of(traffic + contender).Minus(c.Of(traffic + empty))
}
