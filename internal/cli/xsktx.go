// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"clearway/internal/xsktool"
)

// benchmark are the addresses that RFC 2544 and RFC 5180 set aside for
// measurements.
var benchmark = map[bool]struct{ source, destination string }{
	true:  {"198.18.0.1", "198.18.0.2"},
	false: {"2001:2::1", "2001:2::2"},
}

// smallestFrame is the least frame of Ethernet, without check sequence.
const smallestFrame = 60

// xskStream is what tx's flags say of the packets to send.
type xskStream struct {
	packet
	mac  string
	size int
	rate int
}

func (a *app) xskSendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tx --interface INTERFACE [--dst ADDRESS] [--dst-mac MAC]",
		Short: "Send UDP packets",
		Long: `Sends UDP packets with right checksums and a payload that starts with the
packet's number: 64 bits, big endian, from 0. Each queue counts its own, and
sends from a port of its own, counting up from --sport.

With --dst they go where Linux would send them: to the MAC of the next hop, from
the address that Linux would take. Otherwise the addresses are those set aside
for measurements, and the destination MAC is the interface's own: no switch
sends that on, so nobody is flooded by mistake. Say with --dst-mac who is to get
them. The source MAC is always the interface's own.

What is sent counts as soon as the kernel has it. What the driver drops then,
"ip -s link" tells.`,
		Example: `  clearway xsk tx --interface eth1 --dst 192.0.2.7 --size 1514
  clearway xsk tx --interface eth1 --dst-mac 02:00:00:00:00:07 --rate 100000 --duration 1m`,
		Args: cobra.NoArgs,
	}
	o := xskFlags(cmd)
	s := xskStream{packet: packet{protocol: "udp", ttl: 64}}
	f := cmd.Flags()
	f.StringVar(&s.source, "src", "", "source `ADDRESS`")
	f.StringVar(&s.destination, "dst", "", "destination `ADDRESS`")
	f.Uint16Var(&s.sport, "sport", 40000, "source `PORT`")
	f.Uint16Var(&s.dport, "dport", 9, "destination `PORT`; 9 is discard")
	f.StringVar(&s.mac, "dst-mac", "", "destination `MAC`")
	f.IntVar(&s.size, "size", 0, "`BYTES` of a frame, without its check sequence; 0: the least")
	f.IntVar(&s.rate, "rate", 0, "`PACKETS` a second; 0: as many as go")
	cmd.RunE = a.do(func(ctx context.Context, _ []string) error {
		return a.xsk(ctx, o, func(o xsktool.Options) (xsktool.Summary, error) {
			stream, err := s.make(ctx, o.Interface)
			if err != nil {
				return xsktool.Summary{}, err
			}
			return xsktool.Send(ctx, o, stream)
		})
	})
	return cmd
}

// make makes the stream, with what the kernel says where flags say nothing.
func (s *xskStream) make(ctx context.Context, device string) (stream xsktool.Stream, err error) {
	if stream.Rate = s.rate; s.rate < 0 {
		return stream, usagef("--rate: %d is negative", s.rate)
	}
	if s.mac != "" {
		if stream.MAC, err = net.ParseMAC(s.mac); err != nil || len(stream.MAC) != 6 {
			return stream, usagef("--dst-mac: %q is no MAC like 02:00:00:00:00:07", s.mac)
		}
	}
	v4, err := s.family()
	if err != nil {
		return stream, err
	}
	least := max(smallestFrame, xsktool.LeastFrame(v4))
	frameSize := cmp.Or(s.size, least)
	if frameSize < xsktool.LeastFrame(v4) || frameSize > xsktool.MaxFrame {
		return stream, usagef("--size: these frames can have from %d to %d bytes", xsktool.LeastFrame(v4), xsktool.MaxFrame)
	}
	if s.destination != "" && stream.MAC == nil {
		hop, err := xsktool.FindNextHop(ctx, device, netip.MustParseAddr(s.destination))
		if err != nil {
			return stream, err
		}
		stream.MAC = hop.MAC[:]
		s.source = cmp.Or(s.source, hop.Source.String())
	}
	s.source, s.destination = cmp.Or(s.source, benchmark[v4].source), cmp.Or(s.destination, benchmark[v4].destination)
	s.packet.size = frameSize - 14 // Ethernet's header
	stream.Frame, err = s.frame()
	return stream, err
}

// family tells whether the packets are of IPv4, by the addresses that are given.
func (s *xskStream) family() (v4 bool, err error) {
	v4 = true
	for _, f := range []struct{ flag, address string }{{"--src", s.source}, {"--dst", s.destination}} {
		if f.address == "" {
			continue
		}
		address, err := netip.ParseAddr(f.address)
		if err != nil || address.Zone() != "" {
			return false, usagef("%s: %q is no IP address without a zone", f.flag, f.address)
		}
		v4 = address.Is4()
	}
	return v4, nil // frame sees whether they fit together
}
