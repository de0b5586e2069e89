// SPDX-License-Identifier: Apache-2.0

package harness

import "fmt"

// Row is one figure of interest.
type Row struct {
	Method string // "M1" and so on
	Name   string
	Target Target
	Rounds Series
	format string // of a figure
}

// Target is what a row's median should reach.
type Target struct {
	Relation string // "at most" or "at least"; "" = no target, the row informs
	Value    float64
}

// Ratio is a figure without a unit.
func Ratio(method, name string, rounds Series) Row {
	return Row{Method: method, Name: name, Rounds: rounds, format: "%.2f"}
}

// Nanoseconds is a time, or a difference of two.
func Nanoseconds(method, name string, rounds Series) Row {
	return Row{Method: method, Name: name, Rounds: rounds, format: "%.1f ns"}
}

// Number counts something.
func Number(method, name string, rounds Series) Row {
	return Row{Method: method, Name: name, Rounds: rounds, format: "%.0f"}
}

// AtMost is the row with a target.
func (r Row) AtMost(v float64) Row {
	r.Target = Target{"at most", v}
	return r
}

// AtLeast is the row with a target.
func (r Row) AtLeast(v float64) Row {
	r.Target = Target{"at least", v}
	return r
}

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

var rowTitles = []string{"method", "measure", "target", "measured", "spread", "met"}

// cells are a row's texts, as rowTitles says.
func (r Row) cells() []string {
	format := func(v float64) string { return fmt.Sprintf(r.format, v) }
	low, high := r.Rounds.Quartiles()
	target, met := "–", "–"
	if r.Target.Relation != "" {
		target = r.Target.Relation + " " + format(r.Target.Value)
		met = "yes"
		if !r.Met() {
			met = "no"
		}
	}
	return []string{r.Method, r.Name, target, format(r.Rounds.Median()), format(low) + " to " + format(high), met}
}
