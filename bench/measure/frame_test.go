// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"net/netip"
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
