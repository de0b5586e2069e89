// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"clearway/dataplane"
	"clearway/internal/control"
)

const orderNote = `

The order holds over reloads and restarts, until another is given or the backend
leaves its service. Given again it changes nothing.`

func (a *app) drainCommand() *cobra.Command {
	return a.orderCommand("drain", dataplane.OrderDrain, "Send no new flows to a backend of a service",
		`Sends new flows elsewhere; those that the backend has stay with it until they
end (with tracking never all move at once).`)
}

func (a *app) undrainCommand() *cobra.Command {
	return a.orderCommand("undrain", dataplane.NoOrder, "Take back drain or disable",
		`Sends new flows to the backend again, as its health check and weight allow.`)
}

func (a *app) disableCommand() *cobra.Command {
	return a.orderCommand("disable", dataplane.OrderDisable, "Send nothing to a backend of a service",
		`Sends new flows elsewhere, and those that the backend has too: they break, unless
other backends can go on with them.`)
}

func (a *app) orderCommand(verb string, order dataplane.Order, short, long string) *cobra.Command {
	request := control.OrderRequest{Order: order.String()}
	cmd := &cobra.Command{
		Use:               verb + " SERVICE BACKEND",
		Short:             short,
		Long:              long + orderNote,
		Example:           fmt.Sprintf("  clearway %s web 10.2.0.11", verb),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeBackends,
		RunE: a.do(func(ctx context.Context, args []string) error {
			request.Service, request.Backend = args[0], args[1]
			return a.order(ctx, request)
		}),
	}
	if order != dataplane.NoOrder {
		cmd.Long += " The last backend that accepts new\nflows takes --force: where there is none left, they go on to those of before."
		cmd.Flags().BoolVar(&request.Force, "force", false, "also the last one that accepts new flows")
	}
	return cmd
}

func (a *app) order(ctx context.Context, request control.OrderRequest) error {
	paths, err := a.paths()
	if err != nil {
		return err
	}
	done, err := control.NewClient(paths.Socket).Order(ctx, request)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(done)
	}
	a.printChanges(done.Changes, nil)
	fmt.Fprintf(a.Stdout, "backend %s of service %s is %s\n", request.Backend, request.Service, done.State)
	return nil
}
