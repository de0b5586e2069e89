// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Whoever keeps just the end of what this prints shall find there what failed
// first, and the seed to repeat it with.
const (
	digestLines = 40  // of each failed set
	digestTrace = 15  // of a kernel's complaint
	digestWidth = 400 // characters of each line: frames are long
)

var (
	owner      = regexp.MustCompile(`^=== (RUN|NAME|CONT) +(\S+)`)
	failedTest = regexp.MustCompile(`^ *--- FAIL: (\S+) `)
	crash      = regexp.MustCompile(`^(panic: |fatal error: |SIG[A-Z]+: )`)
)

// digest is the first lines that tests wrote which failed; of a set whose tests
// say nothing, how it ended.
func (s *setResult) digest() []string {
	failed := map[string]bool{}
	for _, line := range s.Output {
		if m := failedTest.FindStringSubmatch(line); m != nil {
			failed[m[1]] = true
		}
	}
	var lines []string
	current := ""
	for _, line := range s.Output {
		if m := owner.FindStringSubmatch(line); m != nil {
			current = m[2]
			if m[1] != "RUN" {
				continue
			}
		}
		if failed[current] {
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 {
		return first(lines, digestLines)
	}
	if i := slices.IndexFunc(s.Output, crash.MatchString); i >= 0 {
		return first(s.Output[i:], digestLines)
	}
	return s.Output[max(0, len(s.Output)-digestTrace):]
}

// digest prints the first of what went wrong on one kernel.
func (o outcome) digest(w io.Writer) {
	show := func(what string, lines []string) {
		fmt.Fprintf(w, "\n=== Linux %s, first of all: %s\n", o.Kernel.Version, what)
		for _, line := range lines {
			fmt.Fprintln(w, shortened(line))
		}
	}
	for _, set := range o.Kernel.Sets {
		if s := o.Report.set(set.Name); s != nil && s.problem() != "" {
			show(set.Name, s.digest())
		}
	}
	if lines := complaint(o.Log); len(lines) > 0 {
		show("the kernel's log", lines)
	}
}

// first is the first n lines.
func first(lines []string, n int) []string { return lines[:min(n, len(lines))] }

// complaint is a kernel's first line of trouble and those behind it.
func complaint(log string) []string {
	lines := strings.Split(log, "\n")
	i := slices.IndexFunc(lines, kernelTrouble.MatchString)
	if i < 0 {
		return nil
	}
	return first(lines[i:], digestTrace)
}

// shortened cuts a line.
func shortened(line string) string {
	if r := []rune(line); len(r) > digestWidth {
		return fmt.Sprintf("%s… (%d characters)", string(r[:digestWidth]), len(r))
	}
	return line
}
