// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"clearway/internal/control"
)

func (a *app) explainCommand() *cobra.Command {
	var in, hexFrame string
	p := packet{ttl: 64}
	cmd := &cobra.Command{
		Use:   "explain --in INTERFACE (--src ADDRESS --dst ADDRESS ... | --hex FRAME)",
		Short: "Show stage by stage what would become of a packet",
		Long: `Runs a crafted packet through the loaded programs with the live tables, and
prints what each stage found, the reason, the punt rule that it matched, the next
hop, the packet that would leave, and beside it the route that Linux itself would
take. No counter moves and nothing is sent. Only the daemon knows punt rules.

The packet is made from --src, --dst and so on, addressed to the interface's
own MAC; or it is the frame that --hex gives, "-" to read it from the standard
input.`,
		Example: `  clearway explain --in eth0 --src 192.0.2.1 --dst 198.51.100.7 --proto tcp --dport 443
  clearway explain --in eth0 --src 2001:db8::1 --dst 2001:db8:100::7 --proto icmp --vlan 100 --json`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&in, "in", "", "`INTERFACE` that the packet arrives on")
	f.StringVar(&p.source, "src", "", "source `ADDRESS`")
	f.StringVar(&p.destination, "dst", "", "destination `ADDRESS`")
	f.StringVar(&p.protocol, "proto", "udp", "`PROTOCOL`: tcp, udp, icmp, or a number")
	f.Uint16Var(&p.sport, "sport", 40000, "source `PORT` of TCP and UDP")
	f.Uint16Var(&p.dport, "dport", 53, "destination `PORT` of TCP and UDP")
	f.Uint8Var(&p.ttl, "ttl", p.ttl, "TTL or hop limit")
	f.IntVar(&p.size, "size", 0, "`BYTES` of the IP packet; 0: no more than its headers")
	f.Uint16Var(&p.vlan, "vlan", 0, "VLAN `ID` of its tag; 0: no tag")
	f.StringVar(&p.flags, "flags", "syn", "TCP `FLAGS`, parted by commas: syn,ack,fin,rst,psh,urg")
	f.StringVar(&hexFrame, "hex", "", "the whole `FRAME` as hexadecimal digits")
	for _, crafted := range []string{"src", "dst", "proto", "sport", "dport", "ttl", "size", "vlan", "flags"} {
		cmd.MarkFlagsMutuallyExclusive("hex", crafted)
	}
	cmd.RunE = a.do(func(ctx context.Context, _ []string) error {
		request, err := a.explainRequest(in, hexFrame, p)
		if err != nil {
			return err
		}
		return a.explain(ctx, request)
	})
	return cmd
}

func (a *app) explainRequest(in, hexFrame string, p packet) (control.ExplainRequest, error) {
	r := control.ExplainRequest{Interface: in}
	if in == "" {
		return r, usagef("explain needs --in INTERFACE")
	}
	var err error
	if hexFrame == "" {
		r.OwnMAC = true
		r.Frame, err = p.frame()
		return r, err
	}
	if hexFrame == "-" {
		text, err := io.ReadAll(io.LimitReader(a.Stdin, 1<<20))
		if err != nil {
			return r, fmt.Errorf("reading the frame: %w", err)
		}
		hexFrame = string(text)
	}
	r.Frame, err = parseHex(hexFrame)
	return r, err
}

// parseHex reads digits with spaces, line ends or colons anywhere.
func parseHex(text string) ([]byte, error) {
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == ':' {
			return -1
		}
		return r
	}, text)
	frame, err := hex.DecodeString(digits)
	if err != nil {
		return nil, usagef("--hex: the frame must be pairs of hexadecimal digits; spaces and colons are skipped")
	}
	return frame, nil
}

func (a *app) explain(ctx context.Context, request control.ExplainRequest) error {
	e, err := query(ctx, a, func(ctx context.Context, r reader) (control.Explanation, error) {
		return r.Explain(ctx, request)
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(e)
	}
	w := newTable(a.Stdout)
	printExplanation(w, request.Interface, e)
	return w.Flush()
}

func printExplanation(w io.Writer, in string, e control.Explanation) {
	fmt.Fprintf(w, "in %s\t%s\n", in, describeHex(e.InputHex))
	for _, s := range e.Stages {
		fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Text)
	}
	fmt.Fprintf(w, "verdict\t%s (%s)\n", e.Verdict, e.Reason)
	if e.PuntRule != "" {
		fmt.Fprintf(w, "punt rule\t%s\n", e.PuntRule)
	}
	if e.NextHop != "" {
		fmt.Fprintf(w, "next hop\t%s on %s\n", e.NextHop, cmp.Or(e.Egress, in))
	}
	if e.OutputHex != "" {
		fmt.Fprintf(w, "out\t%s\n\t%s\n", describeHex(e.OutputHex), e.OutputHex)
	}
	fmt.Fprintf(w, "Linux\t%s\n", e.KernelRoute)
}
