// SPDX-License-Identifier: Apache-2.0

// Simulate replays a fleet of balancers second by second, while backends restart
// and balancers come and go, and counts the connections that break with each way
// of tracking flows. It writes docs/simulation.md, which says more, and the plot
// in it. It needs neither root nor a kernel: the tables are those of package
// maglev, the rules those of package tracking.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func run() error {
	seed := flag.Uint64("seed", 1, "of the traffic and the tables")
	flows := flag.Int("flows", 1_000_000, "that start in the hour")
	docs := flag.String("docs", "docs", "directory to write simulation.md and simulation.svg to; empty: print the tables only")
	flag.Parse()
	fleet := standard(*seed)
	fleet.flows = *flows
	report := report{fleet: fleet, scenarios: scenarios(fleet)}
	if err := report.run(); err != nil {
		return err
	}
	page, err := report.page()
	if err != nil {
		return err
	}
	for i := range report.scenarios {
		fmt.Printf("%s\n\n%s\n", report.scenarios[i].title, report.results[i].table())
	}
	if *docs == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(*docs, "simulation.md"), page, 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	if err := os.WriteFile(filepath.Join(*docs, "simulation.svg"), report.plot(), 0o644); err != nil {
		return fmt.Errorf("writing the plot: %w", err)
	}
	return nil
}

// report is what all scenarios came to.
type report struct {
	fleet     fleet
	scenarios []scenario
	results   []result
}

// run simulates all scenarios, side by side. None sees anything of another.
func (r *report) run() error {
	r.results = make([]result, len(r.scenarios))
	errs := make([]error, len(r.scenarios))
	var all sync.WaitGroup
	for i := range r.scenarios {
		all.Go(func() { r.results[i], errs[i] = simulate(r.scenarios[i]) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: %w", r.scenarios[i].title, err)
		}
	}
	return nil
}
