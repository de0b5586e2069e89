// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitNotRunning = 3 // the daemon isn't running, where it is needed
)

// Env is what commands may touch of the process they run in.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Main runs the command that args name (without the program's own name) and
// returns the exit code. It ends early when ctx does.
func Main(ctx context.Context, env Env, args []string) int {
	a := &app{Env: env}
	root := a.root()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		return a.fail(err)
	}
	return exitDone
}

// app is one invocation.
type app struct {
	Env
	configFile string // -c
	socket     string // --socket, else from the file, else the default
	bpffs      string // --bpffs, likewise
	json       bool
	running    bool // a command's own code was reached: errors are no longer the usage's
}

// root makes the command table.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "clearway",
		Short: "An express data path for Linux routers and load balancers",
		Long: `Clearway forwards packets of allowed prefixes from NIC to NIC in XDP, exactly
as Linux would, spreads those for services over their backends, hands those of
punt rules to programs in user space, and leaves everything else to Linux.

Nouns (status, stats, services, backends, flows, punt, interfaces, routes) show;
verbs change. Nouns, explain and detach work from the pinned maps when no daemon
runs.

Exit codes: 0 done, 1 failed, 2 usage, 3 the daemon is needed and not running.`,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Version = Version()
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)

	flags := root.PersistentFlags()
	flags.StringVarP(&a.configFile, "config", "c", "", "configuration `FILE`; its runtime section names socket and bpffs")
	flags.StringVar(&a.socket, "socket", "", "the daemon's socket `PATH`")
	flags.StringVar(&a.bpffs, "bpffs", "", "`DIR` on a bpffs where everything is pinned")
	flags.BoolVar(&a.json, "json", false, "print JSON")

	root.AddCommand(
		a.runCommand(), a.checkCommand(), a.planCommand(), a.reloadCommand(), a.detachCommand(), // verbs
		a.drainCommand(), a.undrainCommand(), a.disableCommand(),
		a.statusCommand(), a.statsCommand(), a.interfacesCommand(), a.routesCommand(), // nouns
		a.servicesCommand(), a.backendsCommand(), a.flowsCommand(), a.puntCommand(),
		a.explainCommand(), a.demoCommand(), a.benchCommand(), a.xskCommand(), a.versionCommand(), a.completionCommand(),
		a.manCommand(), a.docsCommand(), // hidden
	)
	return root
}

// do makes a command's RunE from its own code.
func (a *app) do(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.running = true
		return f(cmd.Context(), args)
	}
}

// usageError is a misuse that only a command's own code can see.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...)}
}
