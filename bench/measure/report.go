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

func newReport(m Machine, o Options, programs, paths costs) *Report {
	r := &Report{Time: time.Now(), Machine: m, Options: o}
	r.Rows = append(programRows(programs), pathRows(paths)...)
	for _, c := range []costs{programs, paths} {
		for _, name := range c.names {
			r.Costs = append(r.Costs, Cost{name, c.series[name]})
		}
	}
	return r
}

// programRows are the figures of M1. A net cost is what comes on top of the
// empty program with the same traffic.
func programRows(c costs) []Row {
	net := func(traffic, contender string) Series {
		return c.series[traffic+contender].minus(c.series[traffic+empty])
	}
	more := func(traffic string) Series {
		return c.series[traffic+oursMany].minus(c.series[traffic+ours])
	}
	return []Row{
		{"M1", "IPv4 forwarded, 10 routes, 1 allow prefix: Clearway / (a), net", "x", atMost(1.70), net(forward4, ours).over(net(forward4, fib))},
		{"M1", "IPv4 not allowed: Clearway, net", "ns", atMost(40), net(miss4, ours)},
		{"M1", "IPv4 not allowed: Clearway / (e), net", "x", atMost(2.6), net(miss4, ours).over(net(miss4, fixed))},
		{"M1", "IPv4 not allowed, 1,024 flows: 10,000 allow prefixes − 1", "ns", atMost(12), more(miss4)},
		{"M1", "IPv4 not allowed, 65,536 flows: 10,000 allow prefixes − 1", "ns", atMost(35), more(missMany4)},
		{"M1", "IPv6 forwarded, 10 routes, 1 allow prefix: Clearway / (a), net", "x", Target{}, net(forward6, ours).over(net(forward6, fib))},
		{"M1", "IPv6 not allowed: Clearway, net", "ns", Target{}, net(miss6, ours)},
	}
}

// pathRows are the figures of M2: how many times the packets a second of the
// peer.
func pathRows(c costs) []Row {
	against := func(peer string) Series { return c.series[path+peer].over(c.series[path+ours]) }
	return []Row{
		{"M2", "packets a second: Clearway / (c) Linux", "x", atLeast(2.7), against(linux)},
		{"M2", "packets a second: Clearway / (d) Linux, conntrack before 100 rules", "x", atLeast(3.4), against(conntrack)},
		{"M2", "packets a second: Clearway / Linux, conntrack behind 100 rules", "x", Target{}, against(rules)},
		{"M2", "packets a second: Clearway / (a) bpf_fib_lookup", "x", Target{}, against(fib)},
		{"M2", "packets a second: Clearway / (e) fixed next hop", "x", Target{}, against(fixed)},
	}
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
