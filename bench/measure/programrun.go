// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"fmt"

	"github.com/cilium/ebpf"

	"clearway/bench/harness"
)

// programRun is one contender with one kind of traffic (method M1).
type programRun struct {
	name    string
	feed    *feed
	program *ebpf.Program
	outcome outcome
	counts  proof // nil: it counts nothing
}

// proof runs f, which sends so many packets, and says whether the contender's
// own counters agree with what the run is about.
type proof func(packets uint64, f func() error) error

// check proves that the contender does its job.
func (r programRun) check() error {
	verdict, frame, err := r.feed.first(r.program)
	if err != nil {
		return err
	}
	if verdict != r.outcome.verdict {
		return fmt.Errorf("one packet: verdict %d, want %d", verdict, r.outcome.verdict)
	}
	if err := r.outcome.frame(r.feed.frame, frame); err != nil {
		return fmt.Errorf("one packet: %w", err)
	}
	if r.counts == nil {
		return nil
	}
	return r.counts(uint64(r.feed.packets), func() error {
		_, _, _, err := r.feed.run(r.feed.packets, nil)
		return err
	})
}

// measurePrograms checks all runs and measures them.
func (b *bench) measurePrograms(ctx context.Context, runs []programRun) (harness.Costs, error) {
	var contenders []harness.Contender
	for _, r := range runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("checking %s: %w", r.name, err)
		}
		contenders = append(contenders, harness.Contender{Name: r.name, Sample: func() (float64, error) {
			return r.feed.cost(r.program, b.Packets)
		}})
	}
	return harness.Interleave(ctx, b.Options, "M1", contenders)
}
