// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bootLimit is far above what a boot takes, also beside other work.
const bootLimit = 3 * time.Minute

type runner struct {
	builder
	cache   string // unpacked kernels, kept
	work    string // this run's files
	verbose bool
}

// outcome is all that is known of one kernel after its run.
type outcome struct {
	Kernel  kernel
	Report  *report
	Broken  map[string]error // sets that could not be built
	Trouble []string         // lines of the kernel's log
	Err     error            // why the machine did not start, or not end well
	Took    time.Duration
}

// runKernel does all that one row of the matrix says, and prints as it goes.
func (r runner) runKernel(ctx context.Context, k kernel) outcome {
	start := time.Now()
	o := outcome{Kernel: k, Report: &report{}}
	fmt.Printf("=== Linux %s\n", k.Version)
	o.Err = r.boot(ctx, &o)
	o.Took = time.Since(start)
	return o
}

func (r runner) boot(ctx context.Context, o *outcome) error {
	img, err := fetchImage(ctx, r.cache, o.Kernel)
	if err != nil {
		return err
	}
	m := vm{
		Kernel:    img.Kernel,
		Initramfs: filepath.Join(r.work, o.Kernel.Version+".cpio"),
		Console:   filepath.Join(r.work, o.Kernel.Version+".console"),
		Limit:     bootLimit,
		Tee:       &progress{all: r.verbose},
	}
	for _, s := range o.Kernel.Sets {
		m.Limit += s.Limit
	}
	if o.Broken, err = r.initramfs(ctx, m.Initramfs, img, o.Kernel); err != nil {
		return err
	}
	o.Report, err = m.run(ctx)
	log, logErr := os.ReadFile(m.Console)
	o.Trouble = trouble(string(log))
	if err == nil {
		return logErr
	}
	return fmt.Errorf("%w\nlast words of the kernel:\n%s", err, tail(string(log), 30))
}

// progress shows what a run prints: all of it, or the top-level results.
// Every Write is one line.
type progress struct{ all bool }

func (p *progress) Write(line []byte) (int, error) {
	if p.all || testLine.Match(line) {
		fmt.Printf("    %s\n", strings.TrimRight(string(line), "\r\n"))
	}
	return len(line), nil
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// shownOutput is how many lines of a failed set are printed.
const shownOutput = 400

// summarize prints the failures and the table, and says whether all is well.
func summarize(w io.Writer, outcomes []outcome, allowMissing bool) bool {
	var passed, failed, missing int
	var table strings.Builder
	for _, o := range outcomes {
		for _, s := range o.Kernel.Sets {
			result, took := o.result(s.Name), time.Duration(0)
			if got := o.Report.set(s.Name); got != nil {
				took = got.Took
				if got.problem() != "" {
					fmt.Fprintf(w, "\n=== Linux %s, %s: %s\n%s\n", o.Kernel.Version, s.Name, got.problem(),
						tail(strings.Join(got.Output, "\n"), shownOutput))
				}
			}
			switch {
			case result == "":
				passed++
				result = fmt.Sprintf("ok (%d tests)", o.Report.set(s.Name).Passed)
			case errors.Is(o.Err, errMissing):
				missing++
			default:
				failed++
			}
			fmt.Fprintf(&table, "%-6s %-34s %6.1fs %6.1fs %6.1fs  %-10s %s\n", o.Kernel.Version, o.Report.Release,
				o.Report.Boot.Seconds(), o.Took.Seconds(), took.Seconds(), s.Name, result)
		}
		for _, line := range o.Trouble {
			fmt.Fprintf(w, "\nLinux %s said: %s\n", o.Kernel.Version, line)
		}
		if o.Err != nil {
			fmt.Fprintf(w, "\n=== Linux %s: %v\n", o.Kernel.Version, o.Err)
		}
	}
	fmt.Fprintf(w, "\n%-6s %-34s %7s %7s %7s  %-10s %s\n%s", "kernel", "release", "boot", "total", "tests", "set", "result", table.String())
	fmt.Fprintf(w, "%d passed, %d failed, %d not possible here\n", passed, failed, missing)
	return failed == 0 && (missing == 0 || allowMissing)
}

// result says why the set has not passed, "" if it has.
func (o outcome) result(name string) string {
	if err := o.Broken[name]; err != nil {
		return err.Error()
	}
	if s := o.Report.set(name); s != nil {
		if p := s.problem(); p != "" {
			return p
		}
		if len(o.Trouble) > 0 {
			return "the kernel complained"
		}
		return ""
	}
	if errors.Is(o.Err, errMissing) {
		return "not possible here"
	}
	return "did not begin"
}
