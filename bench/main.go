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

	"clearway/bench/measure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	o := measure.Options{Progress: os.Stderr}
	flag.IntVar(&o.Rounds, "rounds", 15, "how often each contender is measured; the medians want 7 or more")
	flag.IntVar(&o.Packets, "packets", 1_000_000, "least packets of a test run")
	flag.DurationVar(&o.Duration, "duration", 500*time.Millisecond, "length of a sample end to end")
	flag.IntVar(&o.CPU, "cpu", runtime.NumCPU()-1, "where all of it runs")
	flag.StringVar(&o.Lane, "only", "", "the lane to measure: "+strings.Join(measure.Lanes(), " or ")+"; empty: all")
	results := flag.String("results", "bench/results", "directory to record in; empty: don't record")
	strict := flag.Bool("strict", false, "fail when a target is missed")
	flag.Parse()
	if o.Rounds < 1 || o.Packets < 1 || o.Duration <= 0 {
		return errors.New("-rounds, -packets and -duration must be positive")
	}

	report, err := measure.Run(ctx, o)
	if err != nil {
		return err
	}
	if err := report.WriteTable(os.Stdout); err != nil {
		return err
	}
	if *results != "" {
		file, err := report.Record(*results)
		if err != nil {
			return err
		}
		fmt.Println("\nrecorded in", file)
	}
	if missed := report.Missed(); *strict && len(missed) > 0 {
		return fmt.Errorf("%d targets missed", len(missed))
	}
	return nil
}
