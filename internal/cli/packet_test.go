// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The frames are written out from RFC 791, 8200, 768, 9293 and 4443, their
// checksums computed by another program.
func TestFrame(t *testing.T) {
	const (
		macs = "000000000000" + "020000000001"
		v4   = "c0000201" + "c6336407"
		v6   = "20010db8000000000000000000000001" + "20010db8010000000000000000000007"
	)
	for _, row := range []struct {
		name string
		p    packet
		want string
	}{
		{"UDP", packet{source: "192.0.2.1", destination: "198.51.100.7", protocol: "udp", sport: 40000, dport: 53, ttl: 64},
			macs + "0800" + "4500001c000040004011" + "4e95" + v4 + "9c4000350008772c"},
		{"another protocol, filled up", packet{source: "192.0.2.1", destination: "198.51.100.7", protocol: "47", ttl: 1, size: 24},
			macs + "0800" + "4500001800004000012f" + "8d7b" + v4 + "00000000"},
		{"ICMPv6 in a VLAN", packet{source: "2001:db8::1", destination: "2001:db8:100::7", protocol: "icmp", ttl: 9, vlan: 100},
			macs + "8100006486dd" + "6000000000083a09" + v6 + "8000" + "2343" + "00000000"},
		{"TCP", packet{source: "192.0.2.1", destination: "198.51.100.7", protocol: "tcp", sport: 1, dport: 2, ttl: 64, flags: "SYN,ack"},
			macs + "0800" + "4500002c000040004006" + "4e90" + v4 + "00010002" + "0000000000000000" + "6012ffff" + "abd7" + "0000" + "020405b4"},
	} {
		frame, err := row.p.frame()
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		want := row.want + strings.Repeat("00", max(0, 60-len(row.want)/2)) // the least that Ethernet carries
		if got := hex.EncodeToString(frame); got != want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, want)
		}
	}
}
