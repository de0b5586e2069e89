// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/netip"
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

// The clamp is what the ends of a connection make of it. Timestamps take 12
// bytes of each segment.
func TestMSSClamp(t *testing.T) {
	const timestamps = 12
	r := newDemoRouter(t)
	r.run(demo())
	for _, clamp := range []struct {
		name, rules string
		mss4, mss6  uint32 // that the client may send
	}{
		{name: "none", rules: "[]", mss4: 1460, mss6: 1440},
		{name: "all", rules: "[{mss: 1200}]", mss4: 1200, mss6: 1200},
		{name: "only lowers", rules: "[{mss: 1450}]", mss4: 1450, mss6: 1440},
		{name: "egress of the SYN-ACK", rules: "[{egress: eth0, mss: 1300}]", mss4: 1300, mss6: 1300},
		{name: "egress of the SYN", rules: "[{egress: eth1, mss: 1100}]", mss4: 1460, mss6: 1440},
		{name: "prefix", rules: `[{prefix: 198.51.100.0/24, mss: 1250}]`, mss4: 1250, mss6: 1440},
		{name: "the best rule", rules: `[{mss: 1000}, {prefix: "2001:db8:100::/64", mss: 1210}, {prefix: "2001:db8:100::/64", egress: eth0, mss: 1220}]`, mss4: 1000, mss6: 1220},
	} {
		r.sub(clamp.name, func() {
			c := demo()
			c.forward = "  mss-clamp: " + clamp.rules + "\n"
			r.reload(c)
			for server, mss := range map[netip.Addr]uint32{topo.DemoServer14: clamp.mss4, topo.DemoServer16: clamp.mss6} {
				report, err := wire.Transfer{From: r.lab.Host("client"), To: r.lab.Host("server1"),
					Server: netip.AddrPortFrom(server, 80), Bytes: 100_000}.Run(r.t.Context())
				if err != nil {
					r.t.Fatal(err)
				}
				if report.MSS != mss-timestamps {
					r.t.Errorf("to %v the client sends segments of %d bytes, want %d", server, report.MSS, mss-timestamps)
				}
			}
		})
	}
}
