// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// outcome is what a way of tracking came to.
type outcome struct {
	broken  int // connections: a packet came to another backend
	silent  int // of them: nothing had come for as long as slots take to settle
	ended   int // connections whose backend's process ended
	refused int // starts that came to a process that didn't run
	records int // most that a balancer had
	noRoom  int // records that found none
	series  []int
}

// result is what a scenario came to.
type result struct {
	flows, packets int
	of             [ways]outcome
}

// points is how many values a series has.
const points = 180

// observe looks at the second that ends.
func (s *simulation) observe() {
	for _, n := range s.live {
		s.result.peak(s.nodes[n])
	}
	for w := range ways {
		of := &s.result.of[w]
		if s.now*points/s.duration == len(of.series) {
			of.series = append(of.series, of.broken)
		}
	}
}

func (r *result) peak(n *node) {
	for w, b := range n.ways {
		if b.records != nil {
			r.of[w].records = max(r.of[w].records, b.records.len())
		}
	}
}

// note adds up what a balancer counted, once it is of no more use.
func (r *result) note(n *node) {
	for w, b := range n.ways {
		r.of[w].noRoom += b.noRoom
	}
}

func (s *simulation) end() result {
	for _, n := range s.live {
		s.result.note(s.nodes[n])
	}
	for w := range ways {
		of := &s.result.of[w]
		of.series = append(of.series, of.broken)
	}
	return s.result
}

// table is the result in Markdown.
func (r result) table() string {
	var b strings.Builder
	b.WriteString("| tracking | broken | share | of them silent | ended with their backend | most records | without room |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|\n")
	for w := range ways {
		of := r.of[w]
		fmt.Fprintf(&b, "| `%v` | %s | %s | %s | %s | %s | %s |\n", w, number(of.broken), share(of.broken, r.flows),
			number(of.silent), number(of.ended), number(of.records), number(of.noRoom))
	}
	return b.String()
}

func share(part, of int) string {
	if part == 0 {
		return "0"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(part)/float64(of))
}

// number writes n with commas between thousands.
func number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
