// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"net/netip"
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// The client reaches each server, and what the router knows no way for reaches
// the client.
func TestFarm(t *testing.T) {
	lab := topotest.New(t, topo.Farm(3))
	client := lab.Host("client")
	for n := 1; n <= 3; n++ {
		connect(t, client, lab.Host(topo.FarmServer(n)), netip.AddrPortFrom(topo.FarmAddress(n), 80))
	}
	elsewhere := netip.MustParseAddr("203.0.113.10")
	if err := client.AddAddress("lo", netip.PrefixFrom(elsewhere, 32)); err != nil {
		t.Fatal(err)
	}
	connect(t, lab.Host(topo.FarmServer(3)), client, netip.AddrPortFrom(elsewhere, 80))
}

func connect(t *testing.T, from, to *topo.Host, at netip.AddrPort) {
	t.Helper()
	l, err := to.Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := from.Dial(t.Context(), "tcp", at.String())
	if err != nil {
		t.Errorf("%s: %v", from.Name(), err)
		return
	}
	c.Close()
}
