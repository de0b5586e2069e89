// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"

	"clearway/bench/harness"
)

// Numbers of flows: those that fit the nearest caches, and those that don't.
const (
	someFlows = 1 << 10
	manyFlows = 1 << 16
)

// manyPrefixes is the number of scattered prefixes that stand beside one.
const manyPrefixes = 10_000

// The traffic of M1, and with a space and a contender's name behind the name of
// a series.
const (
	forward4  = "IPv4 forwarded, 1,024 flows:"
	miss4     = "IPv4 not allowed, 1,024 flows:"
	missMany4 = "IPv4 not allowed, 65,536 flows:"
	forward6  = "IPv6 forwarded, 1,024 flows:"
	miss6     = "IPv6 not allowed, 1,024 flows:"
)

// The contenders.
const (
	ours      = " Clearway"
	oursMany  = " Clearway, 10,000 prefixes"
	fib       = " (a) bpf_fib_lookup"
	empty     = " (b) empty program"
	linux     = " (c) Linux"
	conntrack = " (d) Linux, conntrack before 100 rules"
	rules     = " Linux, conntrack behind 100 rules"
	fixed     = " (e) fixed next hop"
	floor     = " dropped by the router"
)

// forwardPrograms measures M1.
func (b *bench) forwardPrograms(ctx context.Context) (harness.Costs, error) {
	runs, err := b.forwardRuns(ctx)
	if err != nil {
		return nil, err
	}
	return b.measurePrograms(ctx, runs)
}
