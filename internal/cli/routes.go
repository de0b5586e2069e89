// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) routesCommand() *cobra.Command {
	return nounCommand(a, noun[[]control.Route]{
		use:   "routes",
		short: "Show the kernel's routes, and which of them are left to Linux",
		long: `Shows the kernel's routes of all tables, which the data path follows, and for
those that it leaves to Linux the reason why.`,
		get:   getRoutes,
		print: printRoutes,
	})
}

func getRoutes(ctx context.Context, r reader, _ []string) ([]control.Route, error) {
	routes := []control.Route{}
	for route, err := range r.Routes(ctx) {
		if err != nil {
			return nil, err
		}
		routes = append(routes, route)
	}
	return routes, nil
}

func printRoutes(w io.Writer, routes []control.Route, _ *[]control.Route) {
	fmt.Fprintln(w, "PREFIX\tTYPE\tVIA\tEGRESS\tTABLE\tMETRIC\tLEFT TO LINUX")
	for _, r := range routes {
		egress := r.Egress
		if r.Legs > 1 {
			egress += fmt.Sprintf(" and %d more", r.Legs-1)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", r.Prefix, r.Type, dash(r.Gateway), dash(egress), r.Table, r.Metric, dash(r.Linux))
	}
}

// dash stands for what isn't there, so that columns can be counted.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
