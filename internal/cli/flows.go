// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) flowsCommand() *cobra.Command {
	return nounCommand(a, noun[[]control.Service]{
		use:   "flows",
		short: "Show how services keep flows on their backends",
		long: `Shows per service how many flows have been recorded so far, to keep their backend
while the table changes, how many found no room (limits.flows), and the slots of
the table by state: settled, without anything to look up; moving, where new
flows go elsewhere than those without a record; tail, where records may be left.
RESIZING says that all flows are being recorded, for another table-size, seed or
affinity. With -w also flows recorded per second.`,
		get:   getServices,
		print: printFlows,
	})
}

func printFlows(w io.Writer, now []control.Service, before *[]control.Service) {
	fmt.Fprint(w, "SERVICE\tTRACKING\tAFFINITY\tRECORDED\tTRACK FULL\tSETTLED\tMOVING\tTAIL\tRESIZING")
	if before != nil {
		fmt.Fprint(w, "\tRECORDED/S")
	}
	fmt.Fprintln(w)
	for _, s := range now {
		resizing := "no"
		if s.Resizing {
			resizing = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s", s.Name, s.Tracking, s.Affinity, s.Recorded, s.TrackFull,
			s.Slots.Settled, s.Slots.Moving, s.Slots.Tail, resizing)
		if old := serviceOf(before, s.Name); old != nil {
			fmt.Fprintf(w, "\t%d", rate(s.Recorded, old.Recorded))
		}
		fmt.Fprintln(w)
	}
}
