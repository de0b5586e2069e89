// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/netip"
	"testing"
	"time"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// demoFlow is a flow through the router of the demo lab.
func demoFlow(lab *topo.Lab, source, destination netip.Addr) Flow {
	return Flow{
		From: lab.Host("client"), To: lab.Host("server1"),
		Source: netip.AddrPortFrom(source, 4000), Destination: netip.AddrPortFrom(destination, 5000),
		Rate: 1000, Size: 64, ID: 7,
	}
}
func TestFlowRate(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	f := demoFlow(lab, topo.DemoClient4, topo.DemoServer14)
	f.Rate = 150000
	s, err := f.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	r, err := s.Stop()
	t.Log(r, err, r.Err())
}
