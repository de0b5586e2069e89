// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"clearway/internal/demo"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show every lane with real traffic in a lab, and remove it all",
		Long: `Builds a lab of network namespaces for each lane, starts the daemon on its
router, sends real traffic, and prints what became of it as tables: packets and
transfers for the forward lane; for the balance lane hundreds of TCP connections
to HTTP servers, of which one is killed, one drained and one added meanwhile; for
the punt lane DNS queries that a program answers in user space. It touches nothing
else of the machine and leaves nothing behind. It needs root, but no NIC and no
configuration, and fails if what it saw is not what should have happened.`,
		Args: cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program: %w", err)
			}
			return demo.Run(ctx, demo.Options{Program: program, Out: a.Stdout})
		}),
	}
}
