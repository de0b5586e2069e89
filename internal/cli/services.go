// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"clearway/dataplane"
	"clearway/internal/control"
)

func (a *app) servicesCommand() *cobra.Command {
	return nounCommand(a, noun[[]control.Service]{
		use:   "services",
		short: "Show the services and what they have been sent",
		long: `Shows the services: where clients find them, how many slots their tables have,
how many of their backends are up, what was sent to backends and what dropped,
how many flows found no room to be recorded, and whether the table is settled or
slots of it are moving to other backends. With -w also packets per second.`,
		get:   getServices,
		print: printServices,
	})
}

func getServices(ctx context.Context, r reader, _ []string) ([]control.Service, error) {
	return r.Services(ctx)
}

func printServices(w io.Writer, now []control.Service, before *[]control.Service) {
	fmt.Fprint(w, "SERVICE\tADDRESS\tMODE\tTRACKING\tSLOTS\tUP\tPACKETS\tBYTES\tDROPPED\tTRACK FULL\tTABLE")
	if before != nil {
		fmt.Fprint(w, "\tPACKETS/S")
	}
	fmt.Fprintln(w)
	for _, s := range now {
		up, of, sent := sumBackends(s)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d/%d\t%d\t%d\t%d\t%d\t%s", s.Name, endpointText(s.Address, s.Ports, s.Protocol), s.Mode, s.Tracking, s.TableSize,
			up, of, sent.Packets, sent.Bytes, s.Dropped.Packets, s.TrackFull, tableText(s))
		if old := serviceOf(before, s.Name); old != nil {
			_, _, was := sumBackends(*old)
			fmt.Fprintf(w, "\t%d", rate(sent.Packets, was.Packets))
		}
		fmt.Fprintln(w)
	}
}

// sumBackends counts those that are up, of those that the service has, and sums
// what was sent to all.
func sumBackends(s control.Service) (up, of int, sent control.Counter) {
	for _, b := range s.Backends {
		if b.State != control.Removed {
			of++
		}
		if b.State == dataplane.Active.String() {
			up++
		}
		sent.Packets += b.Packets
		sent.Bytes += b.Bytes
	}
	return up, of, sent
}

// endpointText is where clients find a service, or what a punt rule takes. No
// ports are any.
func endpointText(address string, ports []uint16, protocol string) string {
	if a, err := netip.ParseAddr(address); err == nil && a.Is6() {
		address = "[" + address + "]"
	}
	texts := []string{"any"}
	if len(ports) > 0 {
		texts = nil
	}
	for _, port := range ports {
		texts = append(texts, strconv.Itoa(int(port)))
	}
	return fmt.Sprintf("%s:%s/%s", address, strings.Join(texts, ","), protocol)
}

func tableText(s control.Service) string {
	switch {
	case s.Slots == control.Slots{}:
		return "none yet"
	case s.FailOpen:
		return "stays: no backend accepts"
	case s.Resizing:
		return "a new one is coming"
	case s.Slots.Moving > 0:
		return fmt.Sprintf("%d slots moving", s.Slots.Moving)
	}
	return "settled"
}

// serviceOf finds a service by name in what may be nil.
func serviceOf(services *[]control.Service, name string) *control.Service {
	return earlier(services, func(s control.Service) bool { return s.Name == name })
}
