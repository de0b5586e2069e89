// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"clearway/test/kernels/job"
)

// report is what the first serial port of one guest told, line by line.
type report struct {
	Release string
	Boot    time.Duration // from the emulator's start until the first job could start
	Sets    []*setResult
	Done    bool   // init came to the end of its plan
	Error   string // init's own error
}

// setResult is one job. Tests are counted by Go's own top-level lines.
type setResult struct {
	Name                    string
	Passed, Failed, Skipped int
	Ended                   bool
	Exit                    int
	Took                    time.Duration
	Output                  []string
}

var testLine = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): `)

// feed takes the next line and how long after the start it came.
func (r *report) feed(line string, at time.Duration) {
	line = strings.TrimRight(line, "\r\n")
	if m, ok := job.Parse(line); ok {
		r.mark(m, at)
		return
	}
	s := r.current()
	if s == nil {
		return
	}
	s.Output = append(s.Output, line)
	if kind := testLine.FindStringSubmatch(line); kind != nil {
		switch kind[1] {
		case "PASS":
			s.Passed++
		case "FAIL":
			s.Failed++
		case "SKIP":
			s.Skipped++
		}
	}
}

func (r *report) mark(m job.Marker, at time.Duration) {
	switch m.Kind {
	case job.Boot:
		r.Release, r.Boot = m.Name, at
	case job.Begin:
		r.Sets = append(r.Sets, &setResult{Name: m.Name})
	case job.End:
		if s := r.current(); s != nil && s.Name == m.Name {
			s.Ended, s.Exit, s.Took = true, m.Exit, m.Took
		}
	case job.Done:
		r.Done = true
	case job.Error:
		r.Error = m.Text
	}
}

// current is the job that is running, nil between jobs.
func (r *report) current() *setResult {
	if len(r.Sets) == 0 || r.Sets[len(r.Sets)-1].Ended {
		return nil
	}
	return r.Sets[len(r.Sets)-1]
}

// set returns the job of that name, nil if it never began.
func (r *report) set(name string) *setResult {
	for _, s := range r.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// problem says in a few words why the set has not passed, "" if it has. In a
// guest nothing may be skipped, and a run of no tests proves nothing.
func (s *setResult) problem() string {
	switch {
	case !s.Ended:
		return "did not end"
	case s.Failed > 0:
		return fmt.Sprintf("%d failed", s.Failed)
	case s.Exit != 0:
		return fmt.Sprintf("exit status %d", s.Exit)
	case s.Skipped > 0:
		return fmt.Sprintf("%d skipped", s.Skipped)
	case s.Passed == 0:
		return "no test matched"
	}
	return ""
}

// kernelTrouble matches what a kernel writes when its own checks fail.
var kernelTrouble = regexp.MustCompile(`WARNING: |BUG: |Oops|general protection fault|Kernel panic|rcu: INFO: .*stall|INFO: task .* blocked|unregister_netdevice: waiting`)

// troubled says whether a kernel's log has a line that no run should show.
func troubled(log string) bool {
	return kernelTrouble.MatchString(log)
}
