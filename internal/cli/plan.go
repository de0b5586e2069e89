// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clearway/dataplane"
	"clearway/internal/control"
)

func (a *app) planCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan [FILE]",
		Short: "Show what a reload would change, and change nothing",
		Long: `Sends the file's bytes to the daemon as reload does, and prints what reload would
change: the same lines, and for each service whose table would change how many
of its slots go to another backend, which is the share of new flows that do, and
what becomes of established ones. Without FILE the daemon looks at the file that
it was started with. FILE may be "-".

A new table-size, affinity or seed moves slots once settle is over, in which all
flows are recorded: what is shown for it is what will move then.

A backend takes no flows before its health check has answered, which of a new one
it has not. What will have moved, all in all, when all such backends have passed
is shown in a line of its own: "once checked".`,
		Example: "  clearway plan /etc/clearway/clearway.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE:    a.do(a.plan),
	}
}

func (a *app) plan(ctx context.Context, args []string) error {
	client, file, err := a.clientAndFile(args)
	if err != nil {
		return err
	}
	p, err := client.Plan(ctx, file)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p)
	}
	a.printChanges(p.Changes, p.Warnings)
	if err := a.printMoves(p.Moves); err != nil {
		return err
	}
	fmt.Fprintf(a.Stdout, "a reload would lead to generation %d with %d changes; nothing was changed\n", p.Generation, len(p.Changes))
	return nil
}

func (a *app) printMoves(moves []control.Move) error {
	if len(moves) == 0 {
		return nil
	}
	w := newTable(a.Stdout)
	fmt.Fprintln(w, "SERVICE\tSLOTS THAT MOVE\tSHARE OF NEW FLOWS\tWHEN\tESTABLISHED FLOWS")
	for _, m := range moves {
		when, flows := fateText(m)
		row := func(moved int, when string) {
			fmt.Fprintf(w, "%s\t%d of %d\t%s\t%s\t%s\n", m.Service, moved, m.Slots, percent(float64(moved)/float64(m.Slots)), when, flows)
		}
		row(m.Moved, cmp.Or(when, "at once"))
		if m.OnceChecked != m.Moved {
			row(m.OnceChecked, strings.TrimPrefix(when+", once checked", ", "))
		}
	}
	return w.Flush()
}

// fateText says when slots move, empty for at once, and what then becomes of flows
// that are established.
func fateText(m control.Move) (when, flows string) {
	changed := m.Tracking == string(dataplane.TrackChanged)
	switch {
	case m.Tracking == string(dataplane.TrackNever):
		return "", "move with their slots (tracking never)"
	case m.Resize && changed:
		settle := time.Duration(m.SettleSeconds * float64(time.Second))
		return fmt.Sprintf("after %v", settle), "are recorded until then, and stay; with reload --now they move at once"
	}
	return "", "stay, if their backend does"
}
