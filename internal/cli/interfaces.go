// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) interfacesCommand() *cobra.Command {
	return nounCommand(a, noun[control.Status]{
		use:   "interfaces",
		short: "Show the interfaces that packets arrive on and leave by",
		long: `Shows the interfaces that Clearway is attached to, and then every interface
that routing knows and packets may leave by, with what decides whether they
can: VLAN, MAC, MTU, forwarding, rp_filter and what
may be redirected there: frames from ports in native mode (native), also those
of many buffers (native+frags), or only from ports in generic mode (generic).`,
		get:   getStatus,
		print: printInterfaces,
	})
}

func printInterfaces(w io.Writer, s control.Status, _ *control.Status) {
	fmt.Fprintln(w, "INTERFACE\tIFINDEX\tMODE\tSTATE")
	for _, i := range s.Interfaces {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.Name, numberText(i.Ifindex), dash(i.Mode), i.State)
	}
	fmt.Fprintln(w, "\nL3 INTERFACE\tDEVICE\tVLAN\tMAC\tMTU\tFORWARDING\tRP_FILTER\tLINK\tREDIRECT")
	for _, l := range s.L3 {
		device := l.Device
		if len(l.Members) > 0 {
			device += " (" + strings.Join(l.Members, ", ") + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", l.Name, device, numberText(int(l.VLAN)), l.MAC, l.MTU,
			forwardingText(l), l.RPFilter, upText(l.Up), l.Redirect)
	}
}

// numberText is a dash for 0, which stands for none.
func numberText(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func forwardingText(l control.L3Interface) string {
	switch {
	case l.Forward4 && l.Forward6:
		return "IPv4, IPv6"
	case l.Forward4:
		return "IPv4"
	case l.Forward6:
		return "IPv6"
	}
	return "off"
}

func upText(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
