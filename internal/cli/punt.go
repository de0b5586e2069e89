// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) puntCommand() *cobra.Command {
	return nounCommand(a, noun[control.Punt]{
		use:   "punt",
		short: "Show punt rules, and where programs take their packets",
		long: `Shows the punt rules, and per interface the queues on which a program has
registered a socket, how many packets that rules match were handed to sockets,
and how many came in by a queue without one, so that Linux got them. With -w
also packets per second handed to sockets.`,
		get:   getPunt,
		print: printPunt,
	})
}

func getPunt(ctx context.Context, r reader, _ []string) (control.Punt, error) { return r.Punt(ctx) }

func printPunt(w io.Writer, now control.Punt, before *control.Punt) {
	fmt.Fprintln(w, "RULE\tADDRESS")
	for _, r := range now.Rules {
		ports := []uint16{r.Port}
		if r.Port == 0 {
			ports = nil
		}
		fmt.Fprintf(w, "%s\t%s\n", r.Name, endpointText(r.Address, ports, r.Protocol))
	}
	if now.Rules == nil {
		fmt.Fprintln(w, "-\tonly the daemon knows the rules, and none runs")
	}
	fmt.Fprint(w, "\nINTERFACE\tQUEUES WITH A SOCKET\tPUNTED\tBYTES\tNO SOCKET")
	if before != nil {
		fmt.Fprint(w, "\tPUNTED/S")
	}
	fmt.Fprintln(w)
	for _, i := range now.Interfaces {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d", i.Name, dash(ranges(i.Sockets)), i.Punted.Packets, i.Punted.Bytes, i.NoSocket.Packets)
		if old := puntInterfaceOf(before, i.Name); old != nil {
			fmt.Fprintf(w, "\t%d", rate(i.Punted.Packets, old.Punted.Packets))
		}
		fmt.Fprintln(w)
	}
}

// ranges is a short form of ascending numbers: 0-3, 7.
func ranges(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); i++ {
		first := i
		for i+1 < len(numbers) && numbers[i+1] == numbers[i]+1 {
			i++
		}
		part := strconv.Itoa(numbers[first])
		if i > first {
			part += "-" + strconv.Itoa(numbers[i])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// puntInterfaceOf finds an interface by name in what may be nil.
func puntInterfaceOf(p *control.Punt, name string) *control.PuntInterface {
	if p == nil {
		return nil
	}
	return earlier(&p.Interfaces, func(i control.PuntInterface) bool { return i.Name == name })
}
