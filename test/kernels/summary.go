// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// verdict is what became of one set on one kernel.
type verdict int

const (
	passed verdict = iota
	failed
	skipped // neither: the machine or its mirror lacks something
)

// judge says what became of a set, and why in a few words.
func (o outcome) judge(name string) (verdict, string) {
	s := o.Report.set(name)
	switch {
	case o.Broken[name] != nil:
		return failed, "does not build"
	case s == nil && errors.Is(o.Err, errMissing):
		return skipped, "not possible here"
	case s == nil:
		return failed, "did not begin"
	case s.problem() != "":
		return failed, s.problem()
	case troubled(o.Log):
		return failed, "the kernel complained"
	case o.Err != nil:
		return failed, "the machine did not end well"
	}
	return passed, fmt.Sprintf("ok, %d tests", s.Passed)
}

// summarize prints what went wrong, once more in short, and the table, and says whether the run may
// count as good.
func summarize(w io.Writer, outcomes []outcome, allowMissing bool) bool {
	var count [skipped + 1]int
	var table strings.Builder
	row := func(cells ...any) { fmt.Fprintf(&table, "%-6s  %-28s %7s %7s  %-12s %7s  %s\n", cells...) }
	row("kernel", "release", "boot", "total", "set", "tests", "result")
	var short strings.Builder
	for _, o := range outcomes {
		explain(w, o)
		o.digest(&short)
		for _, set := range o.Kernel.Sets {
			v, why := o.judge(set.Name)
			count[v]++
			var took time.Duration
			if s := o.Report.set(set.Name); s != nil {
				took = s.Took
			}
			row(o.Kernel.Version, o.Report.Release, seconds(o.Report.Boot), seconds(o.Took), set.Name, seconds(took), why)
		}
	}
	fmt.Fprintf(w, "%s\n%s\n%d passed, %d failed, %d skipped\n", &short, &table, count[passed], count[failed], count[skipped])
	return count[failed] == 0 && (count[skipped] == 0 || allowMissing)
}

// shownLines is how much of a failed set's output and of a kernel's log is
// printed.
const shownLines = 400

// explain prints all that is known of what went wrong on one kernel.
func explain(w io.Writer, o outcome) {
	wrong := o.Err != nil || troubled(o.Log)
	heading := func(what string) { fmt.Fprintf(w, "\n=== Linux %s: %s\n", o.Kernel.Version, what) }
	if o.Err != nil {
		heading(o.Err.Error())
	}
	for _, set := range o.Kernel.Sets {
		if err := o.Broken[set.Name]; err != nil {
			heading(fmt.Sprintf("%s: %v", set.Name, err))
		}
		if s := o.Report.set(set.Name); s != nil && s.problem() != "" {
			wrong = true
			heading(set.Name + ": " + s.problem())
			fmt.Fprintln(w, tail(strings.Join(s.Output, "\n"), shownLines))
		}
	}
	if wrong && o.Log != "" {
		heading("the kernel's log")
		fmt.Fprintln(w, tail(o.Log, shownLines))
	}
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// tail is the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
