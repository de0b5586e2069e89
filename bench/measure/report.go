// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is the outcome of a run.
type Report struct {
	Time    time.Time
	Machine Machine
	Options Options
	Rows    []Row
	Costs   []Cost
}

// Row is one figure of interest.
type Row struct {
	Method string // "M1" or "M2"
	Name   string
	Unit   string // "ns" or "x", a ratio
	Target Target
	Rounds Series
}

// Target is what a row's median should reach.
type Target struct {
	Relation string // "at most" or "at least"; "" = no target, the row informs
	Value    float64
}

// Cost is what one contender took for a packet, in nanoseconds of CPU time.
type Cost struct {
	Name   string
	Rounds Series
}

func atMost(v float64) Target  { return Target{"at most", v} }
func atLeast(v float64) Target { return Target{"at least", v} }

// Met tells whether the median reaches the target. A row without one is met.
func (r Row) Met() bool {
	switch r.Target.Relation {
	case "at most":
		return r.Rounds.Median() <= r.Target.Value
	case "at least":
		return r.Rounds.Median() >= r.Target.Value
	default:
		return true
	}
}

// Missed lists the rows that didn't reach their target.
func (r *Report) Missed() []Row {
	var missed []Row
	for _, row := range r.Rows {
		if !row.Met() {
			missed = append(missed, row)
		}
	}
	return missed
}

// cells are a row's texts: name, target, median, quartiles, whether it is met.
func (r Row) cells() [6]string {
	format := func(v float64) string {
		if r.Unit == "ns" {
			return fmt.Sprintf("%.1f ns", v)
		}
		return fmt.Sprintf("%.2f", v)
	}
	low, high := r.Rounds.Quartiles()
	cells := [6]string{r.Method, r.Name, "–", format(r.Rounds.Median()), format(low) + " to " + format(high), "–"}
	if r.Target.Relation == "" {
		return cells
	}
	cells[2] = r.Target.Relation + " " + format(r.Target.Value)
	cells[5] = "yes"
	if !r.Met() {
		cells[5] = "no"
	}
	return cells
}

func (c Cost) cells() [4]string {
	low, high := c.Rounds.Quartiles()
	return [4]string{
		c.Name,
		fmt.Sprintf("%.1f ns", c.Rounds.Median()),
		fmt.Sprintf("%.1f to %.1f ns", low, high),
		fmt.Sprintf("%.2f M/s", 1e3/c.Rounds.Median()),
	}
}

var (
	rowTitles  = [6]string{"method", "measure", "target", "measured", "spread", "met"}
	costTitles = [4]string{"contender", "CPU time a packet", "spread", "packets a second"}
)

// WriteTable writes the report for a terminal.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprint(t, c, "\t")
		}
		fmt.Fprintln(t)
	}
	line(rowTitles[:])
	for _, row := range r.Rows {
		cells := row.cells()
		line(cells[:])
	}
	// Its own columns: the writer aligns up to an empty line.
	fmt.Fprintln(t)
	line(costTitles[:])
	for _, c := range r.Costs {
		cells := c.cells()
		line(cells[:])
	}
	return t.Flush()
}
