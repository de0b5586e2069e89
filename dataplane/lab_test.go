// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"net/netip"
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// router is the demonstration lab with a data path on its router.
type router struct {
	*topo.Lab
	t     *testing.T
	bpffs string
	dp    *Dataplane
	state State
}

// newRouter makes the lab and opens a data path; nothing is applied yet.
func newRouter(t *testing.T, mode Mode) *router { return newRouterIn(t, topo.Demo(), mode) }

// newRouterIn is newRouter in a variant of the lab.
func newRouterIn(t *testing.T, lab *topo.Lab, mode Mode) *router {
	r := &router{Lab: topotest.New(t, lab), t: t, bpffs: topotest.BPFFS(t) + "/clearway"}
	r.state = r.demoState(mode)
	r.open()
	t.Cleanup(func() { r.dp.Close() })
	return r
}

func (r *router) open() {
	r.t.Helper()
	r.do(func() (err error) {
		r.dp, err = Open(Config{BPFFS: r.bpffs, Version: "test"})
		return err
	})
}

// do runs fn inside the router, and ends the test if it fails.
func (r *router) do(fn func() error) {
	r.t.Helper()
	if err := r.Host("router").Do(fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r *router) apply(s State) (changes Changes) {
	r.t.Helper()
	r.do(func() (err error) {
		changes, err = r.dp.Apply(context.Background(), s)
		return err
	})
	return changes
}

func (r *router) stats() Stats {
	r.t.Helper()
	s, err := r.dp.Stats()
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// reasons are the counts of one port by the text of the reason.
func (r *router) reasons(port string) map[string]uint64 {
	r.t.Helper()
	for _, p := range r.stats().Ports {
		if p.Name != port {
			continue
		}
		counts := map[string]uint64{"received": p.Received.Packets}
		for reason, c := range p.Reasons {
			counts[reason.String()] = c.Packets
		}
		return counts
	}
	r.t.Fatalf("no port %s", port)
	return nil
}

// demoState allows what is behind server1 and server2, on all three devices.
func (r *router) demoState(mode Mode) State {
	s := State{Classes: map[netip.Prefix]Class{
		netip.MustParsePrefix("198.51.100.0/24"):   Allow,
		netip.MustParsePrefix("2001:db8:100::/64"): Allow,
		netip.MustParsePrefix("198.51.100.1/32"):   Local,
		netip.MustParsePrefix("192.0.2.1/32"):      Local,
		netip.MustParsePrefix("2001:db8:1::1/128"): Local,
		netip.MustParsePrefix("224.0.0.0/4"):       NotSource | NotDestination,
		netip.MustParsePrefix("ff00::/8"):          NotSource | NotDestination,
		netip.MustParsePrefix("fe80::/10"):         NotSource | NotDestination,
	}}
	for _, name := range []string{"eth0", "eth1", "eth2"} {
		i, err := r.Host("router").Interface(name)
		if err != nil {
			r.t.Fatal(err)
		}
		s.Ports = append(s.Ports, Port{Name: name, Ifindex: i.Index, Mode: mode})
		s.L3 = append(s.L3, L3Interface{Name: name, Ifindex: i.Index, Port: i.Index, MAC: MAC(i.MAC), MTU: i.MTU,
			Forward4: true, Forward6: true, Up: true, RedirectNative: true, RedirectFrags: true})
	}
	return s
}
