// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"clearway/internal/config"
	"clearway/internal/control"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Find every mistake in a configuration file",
		Long: `Prints every error and warning of a configuration file at once, each with its
line, column and the line itself. Names of interfaces are checked against this
machine. FILE may be "-". Ends with 1 if there is an error.`,
		Example: "  clearway check clearway.yaml",
		Args:    cobra.ExactArgs(1),
		RunE:    a.do(a.check),
	}
}

func (a *app) check(_ context.Context, args []string) error {
	data, err := a.readFile(args[0])
	if err != nil {
		return err
	}
	_, problems := config.Check(data, interfaceExists)
	wire := control.FromConfig(problems)
	if a.json {
		err = a.printJSON(struct {
			OK       bool              `json:"ok"`
			Problems []control.Problem `json:"problems"`
		}{!problems.HasErrors(), wire})
	} else {
		a.printProblems(args[0], wire)
	}
	if err == nil && problems.HasErrors() {
		return errReported
	}
	if err == nil && !a.json {
		fmt.Fprintf(a.Stdout, "%s: ok\n", args[0])
	}
	return err
}

func interfaceExists(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}
