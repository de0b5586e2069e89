// SPDX-License-Identifier: Apache-2.0

// Package job is what the runner and the guest's init say to each other: the
// plan inside the initramfs, and the marker lines on the guest's first serial
// port that frame the output of the tests.
package job

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PlanPath is where init finds its plan, JSON of a [Plan].
const PlanPath = "/plan.json"

// A Plan is all that init has to do before it switches the machine off.
type Plan struct {
	Modules []string // files, in the order in which they have to be loaded
	Jobs    []Job    // run one after the other, whatever the earlier ones say
}

// A Job is one test binary to run.
type Job struct {
	Name string
	Dir  string // working directory
	Path string // the binary
	Args []string
	Env  []string // KEY=VALUE, the whole environment
}

// A Marker is one event in the guest. Kind is one of the constants below and
// says which other fields are set.
type Marker struct {
	Kind string
	Name string        // Begin, End: the job. Boot: the kernel's release
	Exit int           // End: exit status, -1 if the job didn't exit by itself
	Took time.Duration // End
	Text string        // Error: what went wrong before or between jobs
}

// The kinds of markers, in the order in which a good run shows them. Error
// takes the place of everything after it.
const (
	Boot  = "boot"
	Begin = "begin"
	End   = "end"
	Done  = "done"
	Error = "error"
)

const prefix = "@kernels "

// String is the marker's line without a newline.
func (m Marker) String() string {
	switch m.Kind {
	case Boot, Begin:
		return prefix + m.Kind + " " + m.Name
	case End:
		return fmt.Sprintf("%s%s %s %d %d", prefix, m.Kind, m.Name, m.Exit, m.Took.Milliseconds())
	case Error:
		return prefix + m.Kind + " " + strings.ReplaceAll(m.Text, "\n", "; ")
	}
	return prefix + m.Kind
}

// Parse reads a line, which may end in the carriage return of a terminal. It
// returns false for a line that is no marker, so a line of a test's output.
func Parse(line string) (Marker, bool) {
	rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), prefix)
	if !ok {
		return Marker{}, false
	}
	kind, rest, _ := strings.Cut(rest, " ")
	m := Marker{Kind: kind}
	switch kind {
	case Boot, Begin:
		m.Name = rest
		return m, rest != ""
	case End:
		return parseEnd(strings.Fields(rest))
	case Error:
		m.Text = rest
		return m, true
	case Done:
		return m, rest == ""
	}
	return Marker{}, false
}

func parseEnd(fields []string) (Marker, bool) {
	if len(fields) != 3 {
		return Marker{}, false
	}
	exit, err := strconv.Atoi(fields[1])
	if err != nil {
		return Marker{}, false
	}
	ms, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return Marker{}, false
	}
	return Marker{Kind: End, Name: fields[0], Exit: exit, Took: time.Duration(ms) * time.Millisecond}, true
}
