// SPDX-License-Identifier: Apache-2.0

// Package measure compares Clearway with its peers on this machine, by the two
// methods that bench/README.md describes: M1 times programs, M2 the whole way of
// packets through a router.
package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// Options say how long and where to measure.
type Options struct {
	Rounds   int           // how often each contender is measured, in turns
	Packets  int           // least packets of a sample of M1
	Duration time.Duration // of a sample of M2
	CPU      int           // where all of it runs
	Progress io.Writer     // gets a line a round
}

// bench holds what is made for the measurements, to be removed in the end.
type bench struct {
	Options
	random *rand.Rand
	undo   []func() error
}

// Run measures everything and returns the report. It needs root, and leaves
// nothing behind but what ctx's end or an error made it say.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	if err := ready(); err != nil {
		return nil, err
	}
	machine := thisMachine()
	// The same addresses every time: figures are compared across versions.
	b := &bench{Options: o, random: rand.New(rand.NewPCG(1, 2))}
	defer func() {
		for i := len(b.undo) - 1; i >= 0; i-- {
			err = errors.Join(err, b.undo[i]())
		}
	}()
	programs, err := b.programs(ctx)
	if err != nil {
		return nil, fmt.Errorf("measuring programs: %w", err)
	}
	paths, err := b.paths(ctx)
	if err != nil {
		return nil, fmt.Errorf("measuring whole paths: %w", err)
	}
	return newReport(machine, o, programs, paths), nil
}

// ready refuses settings that make figures worthless.
func ready() error {
	for _, s := range []struct{ key, want string }{
		{"kernel/bpf_stats_enabled", "0"}, // 1 costs 150 to 200 ns a run
		{"net/core/bpf_jit_enable", "1"},
	} {
		b, err := os.ReadFile("/proc/sys/" + s.key)
		if err != nil {
			return fmt.Errorf("checking the machine: %w", err)
		}
		if got := strings.TrimSpace(string(b)); got != s.want {
			name := strings.ReplaceAll(s.key, "/", ".")
			return fmt.Errorf("checking the machine: %s is %s: set it with sysctl -w %s=%s", name, got, name, s.want)
		}
	}
	return nil
}

func (b *bench) later(undo func() error) { b.undo = append(b.undo, undo) }

// contender is one thing to be measured: sample answers the nanoseconds of CPU
// time that a packet takes.
type contender struct {
	name   string
	sample func() (float64, error)
}

// costs are what contenders took, in nanoseconds a packet.
type costs struct {
	names  []string // in the order of measuring
	series map[string]Series
}

// interleave measures all contenders once a round, always in the same order.
func (b *bench) interleave(ctx context.Context, method string, contenders []contender) (costs, error) {
	c := costs{series: map[string]Series{}}
	for _, contender := range contenders {
		c.names = append(c.names, contender.name)
	}
	for round := range b.Rounds {
		fmt.Fprintf(b.Progress, "%s: round %d of %d\n", method, round+1, b.Rounds)
		for _, contender := range contenders {
			if err := ctx.Err(); err != nil {
				return costs{}, err
			}
			ns, err := contender.sample()
			if err != nil {
				return costs{}, fmt.Errorf("%s: %w", contender.name, err)
			}
			c.series[contender.name] = append(c.series[contender.name], ns)
		}
	}
	return c, nil
}
