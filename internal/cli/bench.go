// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"clearway/internal/demo"
)

func (a *app) benchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "bench",
		Short: "Measure what a packet costs in the programs on this machine",
		Long: `Builds the lab of the demonstration, and runs packets of each kind through a copy
of the live programs with the live tables. Prints nanoseconds of CPU time a packet,
net of what running any program takes. Nothing of the machine is touched. It needs
root and kernel 5.14, and means most when nothing else runs.`,
		Args: cobra.NoArgs,
		RunE: a.do(func(ctx context.Context, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program: %w", err)
			}
			costs, err := demo.Costs(ctx, demo.Options{Program: program, Out: a.Stdout})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(costs)
			}
			w := newTable(a.Stdout)
			fmt.Fprintf(w, "PACKET\tNS\n")
			for _, c := range costs {
				fmt.Fprintf(w, "%s\t%d\n", c.Packet, c.Nanoseconds)
			}
			return w.Flush()
		}),
	}
}
