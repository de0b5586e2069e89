// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) reloadCommand() *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "reload [FILE]",
		Short: "Apply a configuration file to the running daemon",
		Long: `Sends the file's bytes to the daemon, which applies them whole or, on any
error, not at all, and prints what changed. Without FILE the daemon reads the
file again that it was started with, as on SIGHUP. FILE may be "-".

A new table-size, affinity or seed of services holds only after settle, in which
all flows are recorded, so that they keep their backend. With --now it holds at
once, also one that is under way: flows that have not been recorded yet move.`,
		Example: "  clearway reload /etc/clearway/clearway.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE:    a.do(func(ctx context.Context, args []string) error { return a.reload(ctx, args, now) }),
	}
	cmd.Flags().BoolVar(&now, "now", false, "don't wait for flows to be recorded")
	return cmd
}

func (a *app) reload(ctx context.Context, args []string, now bool) error {
	client, file, err := a.clientAndFile(args)
	if err != nil {
		return err
	}
	done, err := client.Reload(ctx, control.ReloadRequest{File: file, Now: now})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(done)
	}
	a.printChanges(done.Changes, done.Warnings)
	fmt.Fprintf(a.Stdout, "generation %d, %d changes\n", done.Generation, len(done.Changes))
	return nil
}

// clientAndFile are the daemon, and the bytes of the configuration that is the
// only argument; none without one.
func (a *app) clientAndFile(args []string) (*control.Client, []byte, error) {
	paths, err := a.paths()
	if err != nil {
		return nil, nil, err
	}
	client := control.NewClient(paths.Socket)
	if len(args) == 0 {
		return client, nil, nil
	}
	file, err := a.readFile(args[0])
	if err == nil && len(file) == 0 { // to the daemon no bytes mean its own file
		err = fmt.Errorf("%s is empty", args[0])
	}
	return client, file, err
}

func (a *app) printChanges(lines []string, warnings []control.Warning) {
	for _, line := range lines {
		fmt.Fprintln(a.Stdout, line)
	}
	for _, w := range warnings {
		fmt.Fprintf(a.Stderr, "warning: %s: %s\n", w.Place, w.Text)
	}
}
