// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Sizes of the plot, in pixels: panels of two rows, the curves' area in each.
const (
	panelWidth, panelHeight = 300, 210
	areaLeft, areaTop       = 42, 34
	areaWidth, areaHeight   = 206, 140
	decades                 = 5 // the vertical axis goes up to 10^decades
)

var colours = [ways]string{changed: "#0b7a55", always: "#2f62b5", never: "#c23b2e"}

// plot draws how many connections are broken over time, one panel a scenario.
func (r *report) plot() []byte {
	columns := (len(r.scenarios) + 1) / 2
	width, height := columns*panelWidth, 2*panelHeight+24
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n", width, height, width, height)
	b.WriteString("<title>Broken connections over an hour</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n")
	for w := range ways {
		fmt.Fprintf(&b, `<text x="%d" y="17" fill="%s" font-weight="bold">%v</text>`+"\n", areaLeft+70*int(w), colours[w], w)
	}
	fmt.Fprintf(&b, `<text x="%d" y="17" fill="#555">broken connections, by minute; grey: a balancer is away, yellow: SYN flood</text>`+"\n", areaLeft+210)
	for i := range r.scenarios {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%columns*panelWidth, 24+i/columns*panelHeight)
		panel(&b, r.scenarios[i], r.results[i])
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func panel(b *bytes.Buffer, s scenario, r result) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", areaLeft, areaTop-12, html.EscapeString(s.title))
	band := func(from, to int, colour string) {
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", across(s, from), areaTop, across(s, to)-across(s, from), areaHeight, colour)
	}
	for i := range s.reboots {
		band(s.rebootFrom+i*s.rebootInterval, s.rebootFrom+i*s.rebootInterval+s.rebootFor, "#e4e4e4")
	}
	if s.flood > 0 {
		band(s.floodFrom, s.floodTo, "#fff0b8")
	}
	axes(b, s)
	for w := range ways {
		curve(b, s, r.of[w].series, colours[w])
	}
	labels(b, r)
}

func axes(b *bytes.Buffer, s scenario) {
	for n := 1; n <= int(math.Pow10(decades)); n *= 10 {
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" fill="#555">%s</text>`+"\n",
			areaLeft, up(n), areaWidth, areaLeft-4, up(n)+4, short(n))
	}
	for minute := 0; minute*60 <= s.duration; minute += 15 {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%d</text>`+"\n", across(s, minute*60), areaTop+areaHeight+14, minute)
	}
	fmt.Fprintf(b, `<path d="M%d %dh%d" stroke="#555"/>`+"\n", areaLeft, areaTop+areaHeight, areaWidth)
}

func curve(b *bytes.Buffer, s scenario, series []int, colour string) {
	var path strings.Builder
	for i, n := range series {
		fmt.Fprintf(&path, "%.1f,%.1f ", across(s, i*s.duration/points), up(n))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.6"/>`+"\n", strings.TrimSpace(path.String()), colour)
}

// labels writes the last values beside the curves, each above the next lower one.
func labels(b *bytes.Buffer, r result) {
	order := []way{changed, always, never}
	slices.SortStableFunc(order, func(v, w way) int { return cmp.Compare(r.of[v].broken, r.of[w].broken) })
	below := math.MaxFloat64
	for _, w := range order {
		below = min(up(r.of[w].broken)+4, below-12)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" fill="%s">%s</text>`+"\n", areaLeft+areaWidth+4, below, colours[w], number(r.of[w].broken))
	}
}

func across(s scenario, second int) float64 {
	return areaLeft + areaWidth*float64(second)/float64(s.duration)
}

// up is where a number is: 0 on the axis, others by their logarithm.
func up(n int) float64 {
	return areaTop + areaHeight*(1-math.Log10(float64(n)+1)/(decades+math.Log10(1.1)))
}

func short(n int) string {
	if n >= 1000 {
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}
