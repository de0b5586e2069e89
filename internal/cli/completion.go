// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a shell's completion script",
		Long: `Prints the script that lets a shell complete Clearway's commands:

  bash:  clearway completion bash > /etc/bash_completion.d/clearway
  zsh:   clearway completion zsh > "${fpath[1]}/_clearway"
  fish:  clearway completion fish > ~/.config/fish/completions/clearway.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			a.running = true
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(a.Stdout, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(a.Stdout)
			default:
				return cmd.Root().GenFishCompletion(a.Stdout, true)
			}
		},
	}
}
