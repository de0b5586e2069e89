// SPDX-License-Identifier: Apache-2.0

// Bench compares Clearway with its peers on this machine, prints the table and
// records it. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"clearway/bench/harness"
	"clearway/bench/measure"
	"clearway/bench/xskbench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// lanes are what can be measured by itself.
var lanes = append(measure.Lanes, xskbench.Lane)

func run(ctx context.Context) error {
	o := harness.Options{Progress: os.Stderr}
	flag.IntVar(&o.Rounds, "rounds", 15, "how often each contender is measured; the medians want 7 or more")
	flag.IntVar(&o.Packets, "packets", 1_000_000, "least packets of a test run")
	flag.DurationVar(&o.Duration, "duration", 500*time.Millisecond, "length of other samples")
	flag.IntVar(&o.CPU, "cpu", runtime.NumCPU()-1, "where all of it runs")
	only := flag.String("only", "", "the lane to measure: "+names(lanes)+"; empty: all")
	results := flag.String("results", "bench/results", "directory to record in; empty: don't record")
	strict := flag.Bool("strict", false, "fail when a target is missed")
	flag.Parse()
	if o.Rounds < 1 || o.Packets < 1 || o.Duration <= 0 {
		return errors.New("-rounds, -packets and -duration must be positive")
	}
	chosen := chosen(*only)
	if len(chosen) == 0 {
		return fmt.Errorf("no lane is called %q: choose one of %s", *only, names(lanes))
	}

	report, err := harness.Run(ctx, o, chosen...)
	if err != nil {
		return err
	}
	if err := report.WriteTable(os.Stdout); err != nil {
		return err
	}
	if *results != "" {
		file, err := report.Record(*results, *only)
		if err != nil {
			return err
		}
		fmt.Println("recorded in", file)
	}
	if missed := report.Missed(); *strict && len(missed) > 0 {
		return fmt.Errorf("%d targets missed", len(missed))
	}
	return nil
}

// chosen are all lanes, or those of that name.
func chosen(only string) (chosen []harness.Lane) {
	for _, l := range lanes {
		if only == "" || only == l.Name {
			chosen = append(chosen, l)
		}
	}
	return chosen
}

func names(lanes []harness.Lane) string {
	var names []string
	for _, l := range lanes {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}
