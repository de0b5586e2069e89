// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

// completeLimit bounds how long a shell waits for names.
const completeLimit = time.Second

// completeServices offers the names of services as the only argument.
func (a *app) completeServices(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return serviceNames(a.knownServices(cmd.Context())), cobra.ShellCompDirectiveNoFileComp
}

// completeBackends offers a service and then the addresses of its backends.
func (a *app) completeBackends(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completeServices(cmd, args, typed)
	}
	services := a.knownServices(cmd.Context())
	s := serviceOf(&services, args[0])
	if s == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var addresses []string
	for _, b := range s.Backends {
		if b.State != control.Removed {
			addresses = append(addresses, b.Address)
		}
	}
	return addresses, cobra.ShellCompDirectiveNoFileComp
}

// knownServices asks the daemon; where none answers nothing is offered.
func (a *app) knownServices(ctx context.Context) []control.Service {
	ctx, cancel := context.WithTimeout(ctx, completeLimit)
	defer cancel()
	paths, err := a.paths()
	if err != nil {
		return nil
	}
	services, _ := control.NewClient(paths.Socket).Services(ctx)
	return services
}

func serviceNames(services []control.Service) (names []string) {
	for _, s := range services {
		names = append(names, s.Name)
	}
	return names
}
