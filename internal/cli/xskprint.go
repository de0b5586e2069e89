// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"clearway/internal/xsktool"
)

// xskPrinter prints what rx, tx and fwd measure, as lines or as JSON.
type xskPrinter struct{ *app }

// xskColumn is a column of a second's line.
type xskColumn struct {
	name   string
	format string // of the value; the column is as wide as its name at least
	value  func(xsktool.Second) any
}

// perSecond makes a rate of a count.
func perSecond(count uint64, s xsktool.Second) any { return float64(count) / s.Seconds }

// cpuPercent makes a part of one CPU of a time in nanoseconds.
func cpuPercent(ns int64, f xsktool.Figures) float64 { return float64(ns) / 1e7 / f.Seconds }

var xskColumns = []xskColumn{
	{"SECOND", "%d", func(s xsktool.Second) any { return s.Second }},
	{"       PPS", "%.0f", func(s xsktool.Second) any { return s.PPS }},
	{"  MBIT/S", "%.1f", func(s xsktool.Second) any { return s.Mbps }},
	{"DROPPED", "%d", func(s xsktool.Second) any { return s.Dropped }},
	{"RX DROPPED", "%d", func(s xsktool.Second) any { return s.Drops.RX }},
	{"RING FULL", "%d", func(s xsktool.Second) any { return s.Drops.RingFull }},
	{"FILL EMPTY", "%d", func(s xsktool.Second) any { return s.Drops.FillEmpty }},
	{"INVALID", "%d", func(s xsktool.Second) any { return s.Drops.Invalid }},
	{"TX FULL", "%d", func(s xsktool.Second) any { return s.Drops.TXFull }},
	{"BATCH", "%.1f", func(s xsktool.Second) any { return s.MeanBatch }},
	{" USER", "%.0f%%", func(s xsktool.Second) any { return cpuPercent(s.User, s.Figures) }},
	{"SYSTEM", "%.0f%%", func(s xsktool.Second) any { return cpuPercent(s.System, s.Figures) }},
	{"KICKS/S", "%.0f", func(s xsktool.Second) any { return perSecond(s.Kicks, s) }},
	{"WAKEUPS/S", "%.0f", func(s xsktool.Second) any { return perSecond(s.Wakeups, s) }},
	{"WAITS/S", "%.0f", func(s xsktool.Second) any { return perSecond(s.Waits, s) }},
}

// setup says what was obtained, above the columns' names.
func (p *xskPrinter) setup(s xsktool.Setup) {
	if p.json {
		return // the summary has it
	}
	on := s.Interface
	if s.To != "" {
		on += " and " + s.To
	}
	queues := fmt.Sprintf("queue %d", s.Queues[0])
	if len(s.Queues) > 1 {
		queues = fmt.Sprintf("queues %d to %d", s.Queues[0], s.Queues[len(s.Queues)-1])
	}
	program := ""
	if s.Program != "" {
		program = ", XDP program " + s.Program
	}
	fmt.Fprintf(p.Stdout, "%s on %s %s, mode %s%s\n", s.Command, on, queues, s.Mode, program)
	var names []string
	for _, c := range xskColumns {
		names = append(names, c.name)
	}
	fmt.Fprintln(p.Stdout, strings.Join(names, "  "))
}

func (p *xskPrinter) second(s xsktool.Second) {
	if p.json {
		_ = p.printJSON(s) // the summary's error is the command's
		return
	}
	var values []string
	for _, c := range xskColumns {
		values = append(values, fmt.Sprintf("%*s", len(c.name), fmt.Sprintf(c.format, c.value(s))))
	}
	fmt.Fprintln(p.Stdout, strings.Join(values, "  "))
}

func (p *xskPrinter) summary(s xsktool.Summary) error {
	if p.json {
		return p.printJSON(s)
	}
	w := newTable(p.Stdout)
	fmt.Fprintf(w, "\npackets\t%d, %d bytes, in %.2f s\n", s.Packets, s.Bytes, s.Seconds)
	fmt.Fprintf(w, "packets/s\t%.0f; seconds from %.0f to %.0f; %.1f Mbit/s\n", s.PPS, s.MinPPS, s.MaxPPS, s.Mbps)
	fmt.Fprintf(w, "dropped\t%d (%.4g %%): rx %d, ring full %d, fill empty %d, invalid %d, tx full %d\n", s.Dropped, s.Loss*100,
		s.Drops.RX, s.Drops.RingFull, s.Drops.FillEmpty, s.Drops.Invalid, s.Drops.TXFull)
	fmt.Fprintf(w, "CPU\tuser %.0f %%, system %.0f %%%s\n", cpuPercent(s.User, s.Figures), cpuPercent(s.System, s.Figures), perPacket(s))
	fmt.Fprintf(w, "system calls\t%d: %d kicks, %d wakeups, %d waits; %.1f packets a turn\n", s.Syscalls, s.Kicks, s.Wakeups, s.Waits, s.MeanBatch)
	return w.Flush()
}

// perPacket is the CPU time of a packet, as far as there were any.
func perPacket(s xsktool.Summary) string {
	if s.Packets == 0 {
		return ""
	}
	return fmt.Sprintf("; %.1f ns a packet", float64(s.CPU)/float64(s.Packets))
}
