// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/netip"
	"testing"

	"clearway/internal/control"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// touchedLab is the demonstration with one more server, at the router's eth3,
// so that eth2 and eth3 can be changed while a flow goes from eth0 to eth1.
func touchedLab() *topo.Lab {
	lab := topo.Demo()
	lab.Hosts = append(lab.Hosts, topo.HostSpec{Name: "server3"})
	lab.Links = append(lab.Links, topo.Link{
		A: topo.End{Host: "server3", Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.3.2/24")}},
		B: topo.End{Host: "router", Name: "eth3", Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.3.1/24")}, NAPI: topo.NAPINone},
	})
	return lab
}

var (
	intoEth2  = path{"server2", "eth2", "203.0.113.2", "100.64.3.2"}
	outOfEth2 = path{"server3", "eth3", "100.64.3.2", "203.0.113.2"}
)

// What changes about devices, addresses, routes, neighbours and settings shows
// on packets within two seconds, and never on a flow elsewhere.
func TestFollow(t *testing.T) {
	r := newRouter(t, topotest.New(t, touchedLab()))
	c := demo()
	c.interfaces = append(c.interfaces, "eth3")
	c.allow = append(c.allow, "203.0.113.0/24")
	r.run(c)
	for _, change := range []struct {
		name string
		do   func(*router)
	}{
		{"link", (*router).flapLink}, {"carrier", (*router).flapCarrier},
		{"MAC", (*router).changeMAC}, {"MTU", (*router).changeMTU}, {"name", (*router).changeName},
		{"address", (*router).changeAddress}, {"route", (*router).changeRoute}, {"neighbour", (*router).changeNeighbour},
		{"forwarding", (*router).changeForwarding}, {"rp_filter", (*router).changeRPFilter},
		{"port", (*router).replaceEth2},
		{"egress that is no port", func(r *router) {
			without := c
			without.interfaces = []string{"eth0", "eth1", "eth3"}
			r.reload(without)
			r.replaceEth2()
			r.reload(c)
		}},
	} {
		r.sub(change.name, func() {
			flow, err := r.flow(20_000).Start(r.t.Context())
			if err != nil {
				r.t.Fatal(err)
			}
			defer func() {
				if report, err := flow.Stop(); err != nil || report.Err() != nil {
					r.t.Error(err, report.Err())
				}
			}()
			r.bothWays()
			change.do(r)
			r.bothWays()
			r.checkAccount()
		})
	}
}

// bothWays waits until packets are forwarded into and out of eth2.
func (r *router) bothWays() {
	r.t.Helper()
	r.ends(outOfEth2, "forward")
	if len(r.status().Interfaces) == 4 {
		r.ends(intoEth2, "forward")
	}
}

// l3 waits until the daemon shows an L3 interface as it should be.
func (r *router) l3(name string, want func(control.L3Interface) bool) {
	r.t.Helper()
	r.within(patience, func() error {
		all := r.status().L3
		for _, l := range all {
			if l.Name == name && want(l) {
				return nil
			}
		}
		return fmt.Errorf("%s is not among %+v", name, all)
	})
}

// attached waits until a configured interface is, or is not, attached.
func (r *router) attached(name string, want bool) {
	r.t.Helper()
	r.within(patience, func() error {
		for _, i := range r.status().Interfaces {
			if i.Name == name && (i.State == control.Attached) == want {
				return nil
			}
		}
		return fmt.Errorf("%s: attached %v is not among %v", name, want, r.status().Interfaces)
	})
}

// knowServer2 enters server2 as a neighbour again: the kernel forgets those of a
// device that goes down or gets another MAC.
func (r *router) knowServer2() {
	r.t.Helper()
	i, err := r.lab.Host("server2").Interface("eth0")
	r.must(err)
	r.must(r.host().AddNeighbor(topo.Neighbor{Device: "eth2", Address: topo.DemoServer24, MAC: i.MAC}))
}
