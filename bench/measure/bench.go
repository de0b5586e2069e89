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
	"slices"
	"strings"
	"time"
)

// Options say how long and where to measure.
type Options struct {
	Rounds   int           // how often each contender is measured, in turns
	Packets  int           // least packets of a sample of M1
	Duration time.Duration // of a sample of M2
	CPU      int           // where all of it runs
	Lane     string        // the one to measure, of Lanes; empty: all
	Progress io.Writer     // gets a line a round
}

// lane is a part that can be measured by itself.
type lane struct {
	name            string
	programs, paths func(*bench, context.Context) (costs, error) // M1 and M2
	rows            func(programs, paths costs) []Row
}

var lanes = []lane{
	{"forward", (*bench).forwardPrograms, (*bench).forwardPaths, forwardRows},
	{"balance", (*bench).balancePrograms, (*bench).balancePaths, balanceRows},
}

// Lanes are the names of what can be measured by itself.
func Lanes() []string {
	var names []string
	for _, l := range lanes {
		names = append(names, l.name)
	}
	return names
}

// bench holds what is made for the measurements, to be removed in the end.
type bench struct {
	Options
	random *rand.Rand
	undo   []func() error
}

// Run measures what o says and returns the report. It needs root, and leaves
// nothing behind but what ctx's end or an error made it say.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Lane != "" && !slices.Contains(Lanes(), o.Lane) {
		return nil, fmt.Errorf("no lane is called %q: choose one of %s", o.Lane, strings.Join(Lanes(), ", "))
	}
	if err := ready(); err != nil {
		return nil, err
	}
	r := &Report{Time: time.Now(), Machine: thisMachine(), Options: o}
	for _, l := range lanes {
		if o.Lane != "" && o.Lane != l.name {
			continue
		}
		if err := l.measure(ctx, o, r); err != nil {
			return nil, fmt.Errorf("measuring the %s lane: %w", l.name, err)
		}
	}
	return r, nil
}

// measure adds the lane's figures to the report.
func (l lane) measure(ctx context.Context, o Options, r *Report) (err error) {
	// The same addresses every time: figures are compared across versions.
	b := &bench{Options: o, random: rand.New(rand.NewPCG(1, 2))}
	defer func() {
		for i := len(b.undo) - 1; i >= 0; i-- {
			err = errors.Join(err, b.undo[i]())
		}
	}()
	programs, err := l.programs(b, ctx)
	if err != nil {
		return fmt.Errorf("measuring programs: %w", err)
	}
	paths, err := l.paths(b, ctx)
	if err != nil {
		return fmt.Errorf("measuring whole paths: %w", err)
	}
	r.Rows = append(r.Rows, l.rows(programs, paths)...)
	r.Costs = append(append(r.Costs, programs.list()...), paths.list()...)
	return nil
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

// net is what comes on top of the empty program with the same traffic.
func (c costs) net(traffic, contender string) Series {
	return c.series[traffic+contender].minus(c.series[traffic+empty])
}

func (c costs) list() []Cost {
	var list []Cost
	for _, name := range c.names {
		list = append(list, Cost{name, c.series[name]})
	}
	return list
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
