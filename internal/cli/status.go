// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clearway/dataplane"
	"clearway/internal/control"
)

func (a *app) statusCommand() *cobra.Command {
	return nounCommand(a, noun[control.Status]{
		use:   "status",
		short: "Show the daemon and what becomes of each interface's packets",
		long: `Shows the daemon, the last change of the data path, and per interface how many
packets came in, how many were forwarded, sent to backends of services, punted to
programs, left to Linux or dropped, and how many a device refused after they
were sent on. Then the services.`,
		get:   getStatus,
		print: printStatus,
	})
}

func getStatus(ctx context.Context, r reader, _ []string) (control.Status, error) {
	return r.Status(ctx)
}

func printStatus(w io.Writer, s control.Status, _ *control.Status) {
	fmt.Fprintf(w, "clearway %s, generation %d, ", s.Version, s.Generation)
	if d := s.Daemon; d != nil {
		up := time.Duration(s.UptimeSeconds) * time.Second
		fmt.Fprintf(w, "process %d, up %v, configuration %s\n", d.PID, up, d.Config)
		fmt.Fprintf(w, "last change %s, ", d.LastApply.Time.Format(time.DateTime))
		if d.LastApply.Error == "" {
			fmt.Fprintf(w, "done")
		} else {
			fmt.Fprintf(w, "failed: %s", strings.ReplaceAll(d.LastApply.Error, "\n", "; "))
		}
		fmt.Fprintf(w, " (%d done, %d failed)\n", d.Applies.OK, d.Applies.Failed)
	} else {
		fmt.Fprintln(w, "no daemon: read from the pinned maps")
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "warning: %s: %s\n", warning.Place, warning.Text)
	}
	fmt.Fprintln(w, "\nINTERFACE\tMODE\tSTATE\tRECEIVED\tFORWARDED\tBALANCED\tPUNTED\tTO LINUX\tDROPPED\tLOST AFTER EMIT")
	for _, i := range s.Interfaces {
		sum := sumReasons(i.Reasons)
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", i.Name, dash(i.Mode), i.State, i.Received.Packets,
			sum.forwarded, sum.balanced, sum.punted, sum.passed, sum.dropped, i.LostAfterEmit)
	}
	if len(s.Services) > 0 {
		fmt.Fprintln(w)
		printServices(w, s.Services, nil)
	}
}

// outcome sums an interface's packets by what became of them.
type outcome struct{ forwarded, balanced, punted, passed, dropped uint64 }

func sumReasons(reasons map[string]control.Counter) outcome {
	var o outcome
	for reason, n := range reasons {
		switch {
		case reason == dataplane.Forward.String():
			o.forwarded += n.Packets
		case reason == dataplane.Balanced.String():
			o.balanced += n.Packets
		case reason == dataplane.Punted.String():
			o.punted += n.Packets
		case strings.HasPrefix(reason, "drop_"):
			o.dropped += n.Packets
		default: // pass_... and dry_run...
			o.passed += n.Packets
		}
	}
	return o
}
