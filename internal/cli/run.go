// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"clearway/internal/daemon"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run -c FILE",
		Short: "Run the daemon in the foreground",
		Long: `Attaches Clearway to the configured interfaces and keeps it in step with the
configuration and with the kernel's interfaces, addresses and routes. Takes
over a data path that is there already, without losing a packet.

SIGHUP reads the file again. SIGTERM and SIGINT stop the daemon and leave the
data path running; clearway detach --all takes it off. Tells systemd when it is
ready (Type=notify or notify-reload).

Log lines go to the standard error.`,
		Example: "  clearway run -c /etc/clearway/clearway.yaml",
		Args:    cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error {
			if a.configFile == "" {
				return usagef("run needs -c FILE")
			}
			return daemon.Run(ctx, daemon.Options{
				ConfigFile: a.configFile,
				Socket:     a.socket,
				BPFFS:      a.bpffs,
				Version:    Version(),
				Log:        a.Stderr,
			})
		}),
	}
}
