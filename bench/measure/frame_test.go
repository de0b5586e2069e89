// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// What a library decodes is what was asked for.
func TestFrames(t *testing.T) {
	for _, row := range []struct{ source, destination string }{
		{"192.0.2.2", "10.3.4.5"},
		{"fd00:1::2", "2001:db8:3:4::1"},
	} {
		source, destination := netip.MustParseAddr(row.source), netip.MustParseAddr(row.destination)
		sent := udpFrame(generatorMAC, ingressMAC, source, destination)
		checkFrame(t, sent, generatorMAC.String(), ingressMAC.String(), row.source, row.destination, ttl)
		checkFrame(t, forwarded(sent, egressMAC, nextHopMAC),
			egressMAC.String(), nextHopMAC.String(), row.source, row.destination, ttl-1)
		checkFrame(t, sent, generatorMAC.String(), ingressMAC.String(), row.source, row.destination, ttl)
	}
}

// The same of what balancers send and get.
func TestEncapsulatedFrames(t *testing.T) {
	for _, row := range []struct{ client, service, outer, backend string }{
		{"44.1.2.3:1025", "203.0.113.1:80", "172.16.7.8", "198.18.0.100"},
		{"[2001:db8:c1::2c01:203]:1025", "[2001:db8:113::1]:80", "100::7", "fd00:18::64"},
	} {
		client, service := netip.MustParseAddrPort(row.client), netip.MustParseAddrPort(row.service)
		outer, backend := netip.MustParseAddr(row.outer), netip.MustParseAddr(row.backend)
		sent := tcpFrame(generatorMAC, ingressMAC, client, service, flagSYN)
		got := encapsulated(sent, outer, backend)
		p := gopacket.NewPacket(got, layers.LayerTypeEthernet, gopacket.Default)
		var kinds []string
		for _, l := range p.Layers() {
			kinds = append(kinds, l.LayerType().String())
		}
		ip := map[bool]string{true: "IPv4", false: "IPv6"}[client.Addr().Is4()]
		if want := "Ethernet " + ip + " " + ip + " TCP"; !strings.HasPrefix(strings.Join(kinds, " "), want) || p.Metadata().Truncated {
			t.Fatalf("layers %v, want %s", kinds, want)
		}
		flows := p.LinkLayer().LinkFlow().String() + " " + p.NetworkLayer().NetworkFlow().String()
		if want := ingressMAC.String() + "->" + gatewayMAC.String() + " " + row.outer + "->" + row.backend; flows != want {
			t.Errorf("decoded as %s, want %s", flows, want)
		}
		if header := got[ethernetBytes : ethernetBytes+ipv4Bytes]; client.Addr().Is4() && slowSum(header)%0xffff != 0 {
			t.Errorf("header %x: wrong checksum", header)
		}
		tcp := p.TransportLayer().(*layers.TCP)
		if !tcp.SYN || tcp.ACK || tcp.SrcPort != 1025 || tcp.DstPort != 80 || tcp.DataOffset != 5 {
			t.Errorf("TCP header %+v", tcp)
		}
		// Any backend and outer source will do, and nothing else.
		if err := isEncapsulated(sent, got); err != nil {
			t.Errorf("the right frame: %v", err)
		}
		for at := range got {
			wrong := slices.Clone(got)
			wrong[at] ^= 0x80
			if err := isEncapsulated(sent, wrong); err == nil && !isFree(got, at) {
				t.Errorf("byte %d changed: taken for right", at)
			}
		}
	}
}

// isFree says whether a byte is a balancer's own choice: of IPv6 the flow label,
// and the last word of the source. With IPv4 the checksum tells.
func isFree(frame []byte, at int) bool {
	const label, source = ethernetBytes + 2, ethernetBytes + 20
	return !isIPv4(frame) && (at >= label && at < label+2 || at >= source && at < source+4)
}

func checkFrame(t *testing.T, frame []byte, from, to, source, destination string, hops uint8) {
	t.Helper()
	if len(frame) != frameBytes {
		t.Errorf("%d bytes, want %d", len(frame), frameBytes)
	}
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if p.ErrorLayer() != nil || p.Metadata().Truncated || p.Layer(layers.LayerTypeUDP) == nil {
		t.Fatalf("no whole UDP packet: %v", p)
	}
	flows := p.LinkLayer().LinkFlow().String() + " " + p.NetworkLayer().NetworkFlow().String()
	if want := from + "->" + to + " " + source + "->" + destination; flows != want {
		t.Errorf("decoded as %s, want %s", flows, want)
	}
	var got uint8
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		got = ip.TTL
		if header := frame[ethernetBytes : ethernetBytes+ipv4Bytes]; slowSum(header)%0xffff != 0 {
			t.Errorf("header %x: wrong checksum", header)
		}
	case *layers.IPv6:
		got = ip.HopLimit
	}
	if got != hops {
		t.Errorf("TTL or hop limit %d, want %d", got, hops)
	}
}

// slowSum is the plain sum of 16-bit words, a multiple of 0xffff when the
// checksum among them is right.
func slowSum(b []byte) (s int) {
	for i := 0; i < len(b); i += 2 {
		s += int(b[i])<<8 + int(b[i+1])
	}
	return s
}
