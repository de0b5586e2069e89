// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the outcome of a run.
type Report struct {
	Time     time.Time
	Machine  Machine
	Options  Options
	Sections []Section
}

// Section is what one lane came to.
type Section struct {
	Title string
	Rows  []Row
	Costs Costs
}

// Missed lists the rows that didn't reach their target.
func (r *Report) Missed() []Row {
	var missed []Row
	for _, s := range r.Sections {
		for _, row := range s.Rows {
			if !row.Met() {
				missed = append(missed, row)
			}
		}
	}
	return missed
}

// tables are a section's: each has titles, and cells in as many columns.
func (s Section) tables() (rows, costs [][]string) {
	rows, costs = [][]string{rowTitles}, [][]string{costTitles}
	for _, row := range s.Rows {
		rows = append(rows, row.cells())
	}
	for _, c := range s.Costs {
		costs = append(costs, c.cells())
	}
	return rows, costs
}

// WriteTable writes the report for a terminal.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range r.Sections {
		rows, costs := s.tables()
		fmt.Fprintf(t, "%s\n", s.Title)
		for _, table := range [][][]string{rows, costs} {
			for _, cells := range table {
				fmt.Fprintf(t, "%s\t\n", strings.Join(cells, "\t"))
			}
			// Columns are aligned up to an empty line.
			fmt.Fprintln(t)
		}
	}
	return t.Flush()
}
