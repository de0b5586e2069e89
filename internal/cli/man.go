// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the man pages",
		Hidden: true, // for packages
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.running = true
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("writing man pages: %w", err)
			}
			cmd.Root().DisableAutoGenTag = true
			// The date is today's, or that of SOURCE_DATE_EPOCH.
			header := &doc.GenManHeader{Section: "8", Source: "Clearway " + Version(), Manual: "Clearway"}
			return doc.GenManTree(cmd.Root(), header, args[0])
		},
	}
}
