// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

func TestForwardsOnRealDevices(t *testing.T) {
	for _, mode := range []Mode{Native, Generic} {
		t.Run(string(mode), func(t *testing.T) {
			r := newRouter(t, mode)
			changes := r.apply(r.state)
			t.Log(changes.Lines)
			for _, to := range []netip.Addr{topo.DemoServer14, topo.DemoServer16} {
				sendFlow(t, r, to)
			}
			counts := r.reasons("eth0")
			t.Log(counts)
			if counts["forward"] < 2000 {
				t.Errorf("forwarded %d of 2000 packets: %v", counts["forward"], counts)
			}
		})
	}
}

// sendFlow sends 1000 datagrams from the client, none of which may be lost.
func sendFlow(t *testing.T, r *router, to netip.Addr) {
	t.Helper()
	from := topo.DemoClient4
	if to.Is6() {
		from = topo.DemoClient6
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := wire.Flow{From: r.Host("client"), To: r.Host("server1"), Source: netip.AddrPortFrom(from, 4000),
		Destination: netip.AddrPortFrom(to, 5000), Rate: 10000}.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for stream.Received() < 1000 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	report, err := stream.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Error(err)
	}
}
