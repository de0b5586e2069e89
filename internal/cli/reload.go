// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload [FILE]",
		Short: "Apply a configuration file to the running daemon",
		Long: `Sends the file's bytes to the daemon, which applies them whole or, on any
error, not at all, and prints what changed. Without FILE the daemon reads the
file again that it was started with, as on SIGHUP. FILE may be "-".`,
		Example: "  clearway reload /etc/clearway/clearway.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE:    a.do(a.reload),
	}
}

func (a *app) reload(ctx context.Context, args []string) error {
	paths, err := a.paths()
	if err != nil {
		return err
	}
	var file []byte
	if len(args) == 1 {
		if file, err = a.readFile(args[0]); err != nil {
			return err
		}
		if len(file) == 0 { // to the daemon no bytes mean its own file
			return fmt.Errorf("%s is empty", args[0])
		}
	}
	done, err := control.NewClient(paths.Socket).Reload(ctx, file)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(done)
	}
	for _, line := range done.Changes {
		fmt.Fprintln(a.Stdout, line)
	}
	for _, w := range done.Warnings {
		fmt.Fprintf(a.Stderr, "warning: %s: %s\n", w.Place, w.Text)
	}
	fmt.Fprintf(a.Stdout, "generation %d, %d changes\n", done.Generation, len(done.Changes))
	return nil
}
