// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

// backendLine is a backend with what its service says of it.
type backendLine struct {
	Service string `json:"service"`
	control.Backend
	Share float64 `json:"share"` // of the service's new flows, 0 to 1
}

func (a *app) backendsCommand() *cobra.Command {
	return nounCommand(a, noun[[]backendLine]{
		use:   "backends [SERVICE]",
		short: "Show the backends of services, their state and their health",
		long: `Shows the backends of all services or of one: the state that their health check
and the operator's order result in, the slots of the table that send them new
flows and the share of all that this is, what was sent to them, whether the way
to them is known, and what their last health check found. With -w also packets
per second.

A backend is active; draining, so that its flows stay and new ones go elsewhere;
down, as its health check says; disabled; unknown before its first health check
has ended; or removed from the configuration, while something still refers to
it.`,
		args:     cobra.MaximumNArgs(1),
		complete: a.completeServices,
		get:      getBackends,
		print:    printBackends,
	})
}

func getBackends(ctx context.Context, r reader, args []string) ([]backendLine, error) {
	services, err := r.Services(ctx)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		one := serviceOf(&services, args[0])
		if one == nil {
			return nil, fmt.Errorf("there is no service %q, only: %s", args[0], dash(strings.Join(serviceNames(services), ", ")))
		}
		services = []control.Service{*one}
	}
	lines := []backendLine{}
	for _, s := range services {
		for _, b := range s.Backends {
			line := backendLine{Service: s.Name, Backend: b}
			if s.TableSize > 0 {
				line.Share = float64(b.Slots) / float64(s.TableSize)
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func printBackends(w io.Writer, now []backendLine, before *[]backendLine) {
	fmt.Fprint(w, "SERVICE\tBACKEND\tSTATE\tORDER\tWEIGHT\tSLOTS\tSHARE\tPACKETS\tBYTES\tNEXT HOP\tHEALTH\tSINCE\tLAST ERROR")
	if before != nil {
		fmt.Fprint(w, "\tPACKETS/S")
	}
	fmt.Fprintln(w)
	for _, b := range now {
		hop := "unresolved"
		if b.Resolved {
			hop = "resolved"
		}
		health, since, failure := healthText(b.Health)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\t%s\t%s\t%s\t%s", b.Service, b.Address, b.State, b.Order, b.Weight,
			b.Slots, percent(b.Share), b.Packets, b.Bytes, hop, health, since, failure)
		if old := backendOf(before, b); old != nil {
			fmt.Fprintf(w, "\t%d", rate(b.Packets, old.Packets))
		}
		fmt.Fprintln(w)
	}
}

func healthText(h *control.Health) (status, since, failure string) {
	if h == nil {
		return "-", "-", "-"
	}
	return h.Status, h.Since.Format(time.DateTime), dash(h.Error)
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// backendOf finds a backend in older lines, which may be nil.
func backendOf(lines *[]backendLine, b backendLine) *backendLine {
	return earlier(lines, func(old backendLine) bool { return old.Service == b.Service && old.Address == b.Address })
}
