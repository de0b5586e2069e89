// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) statsCommand() *cobra.Command {
	return nounCommand(a, noun[control.Status]{
		use:   "stats",
		short: "Show why packets went where they went",
		long: `Shows per interface the reasons that packets left the pipeline for, the most
frequent first. The reasons of an interface add up to what it received. With
-w also packets per second.`,
		get:   getStatus,
		print: printStats,
	})
}

func printStats(w io.Writer, now control.Status, before *control.Status) {
	fmt.Fprint(w, "INTERFACE\tREASON\tPACKETS\tBYTES")
	if before != nil {
		fmt.Fprint(w, "\tPACKETS/S")
	}
	fmt.Fprintln(w)
	for _, i := range now.Interfaces {
		old := interfaceOf(before, i.Name)
		statsLine(w, i.Name, "received", i.Received, old, func(o *control.Interface) control.Counter { return o.Received })
		for _, reason := range byPackets(i.Reasons) {
			statsLine(w, i.Name, reason, i.Reasons[reason], old,
				func(o *control.Interface) control.Counter { return o.Reasons[reason] })
		}
	}
}

// statsLine prints one counter; of the older state it takes the same one.
func statsLine(w io.Writer, name, what string, n control.Counter, old *control.Interface, same func(*control.Interface) control.Counter) {
	fmt.Fprintf(w, "%s\t%s\t%d\t%d", name, what, n.Packets, n.Bytes)
	if old != nil {
		fmt.Fprintf(w, "\t%d", rate(n.Packets, same(old).Packets))
	}
	fmt.Fprintln(w)
}

// rate is what was counted a second. A counter that went back was made anew.
func rate(now, before uint64) uint64 {
	return uint64(float64(now-min(now, before)) / watchInterval.Seconds())
}

// interfaceOf finds an interface in a status that may be nil.
func interfaceOf(s *control.Status, name string) *control.Interface {
	if s == nil {
		return nil
	}
	return earlier(&s.Interfaces, func(i control.Interface) bool { return i.Name == name })
}

// byPackets sorts reasons, the most frequent first.
func byPackets(reasons map[string]control.Counter) []string {
	return slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b].Packets, reasons[a].Packets), cmp.Compare(a, b))
	})
}
