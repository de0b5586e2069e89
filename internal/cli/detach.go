// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"clearway/internal/daemon"
)

func (a *app) detachCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "detach [--all | INTERFACE...]",
		Short: "Take Clearway off interfaces",
		Long: `Detaches Clearway from the named interfaces, whose packets then take Linux' own
path. With --all every trace goes: links first, then programs, maps and pins.
Offloads that were switched off for Clearway are switched on again.

The daemon must not run: it would attach again. To give up an interface while
it runs, take it out of the configuration and reload.`,
		Example: "  clearway detach --all\n  clearway detach eth1",
		RunE: a.do(func(_ context.Context, args []string) error {
			if all == (len(args) > 0) {
				return usagef("detach needs either --all or the names of interfaces")
			}
			if all {
				args = nil // that is everything
			}
			return a.detach(args)
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all interfaces, and everything that is pinned")
	return cmd
}

func (a *app) detach(interfaces []string) error {
	paths, err := a.paths()
	if err != nil {
		return err
	}
	removed, err := daemon.Detach(paths.BPFFS, interfaces)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Removed []string `json:"removed"`
		}{append([]string{}, removed...)})
	}
	for _, name := range removed {
		fmt.Fprintf(a.Stdout, "%s detached\n", name)
	}
	if len(removed) == 0 {
		fmt.Fprintln(a.Stdout, "nothing was attached")
	}
	return nil
}
