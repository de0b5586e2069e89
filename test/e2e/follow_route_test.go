// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"clearway/internal/control"
	"clearway/internal/topo"
)

func (r *router) changeAddress() {
	another := netip.MustParsePrefix("203.0.113.9/24")
	r.ends(outOfEth2.to("203.0.113.9"), "pass_no_neighbour")
	r.must(r.host().AddAddress("eth2", another))
	r.ends(outOfEth2.to("203.0.113.9"), "pass_local")
	r.must(r.host().DeleteAddress("eth2", another))
	r.ends(outOfEth2.to("203.0.113.9"), "pass_no_neighbour")
}

func (r *router) changeRoute() {
	half := netip.MustParsePrefix("203.0.113.128/25")
	inside := outOfEth2.to("203.0.113.200")
	for _, change := range []struct {
		route  topo.Route
		reason string
	}{
		{topo.Route{To: half, Type: topo.Blackhole}, "drop_blackhole"},
		{topo.Route{To: half, Type: topo.Unreachable}, "pass_unreachable"},
		{topo.Route{To: half, Via: topo.DemoServer24}, "forward"},
		{topo.Route{To: half, Via: topo.DemoServer24, MTU: 1300}, "pass_exception"},
		{topo.Route{To: half, Via: netip.MustParseAddr("100.64.3.2")}, "pass_hairpin"},
	} {
		r.ends(inside, "pass_no_neighbour")
		r.must(r.host().AddRoute(change.route))
		r.ends(inside, change.reason)
		r.ends(outOfEth2, "forward")
		r.must(r.host().DeleteRoute(change.route))
	}
	r.ends(inside, "pass_no_neighbour")
}

func (r *router) changeNeighbour() {
	known := topo.Neighbor{Device: "eth2", Address: topo.DemoServer24}
	moved := known
	moved.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 0x55}
	r.must(r.host().AddNeighbor(moved))
	r.emits(func(f []byte) bool { return bytes.Equal(f[:6], moved.MAC) })
	r.must(r.host().DeleteNeighbor(known))
	before := r.settled("eth3")
	r.ends(outOfEth2, "forward") // since Linux asked who it is, at the first packet
	if r.settled("eth3").minus(before)["eth3 pass_no_neighbour"].Packets == 0 {
		r.t.Error("no packet went to Linux for the neighbour that was deleted")
	}
	r.knowServer2()
}

func (r *router) changeForwarding() {
	r.must(r.host().SetSysctl("net.ipv4.conf.eth2.forwarding", "0"))
	r.l3("eth2", func(l control.L3Interface) bool { return !l.Forward4 && l.Forward6 })
	r.ends(intoEth2, "pass_not_forwarding")
	r.ends(outOfEth2, "forward")
	r.must(r.host().SetSysctl("net.ipv4.conf.eth2.forwarding", "1"))
}

func (r *router) changeRPFilter() {
	spoofed := intoEth2
	spoofed.source, spoofed.destination = "100.64.3.77", "198.51.100.2" // that source is behind eth3
	unknown := spoofed
	unknown.source = "100.65.0.1" // and that one nowhere
	for _, check := range []struct{ value, shown, spoofed, unknown string }{
		{"1", "strict", "pass_rpf", "pass_rpf"},
		{"2", "loose", "forward", "pass_rpf"},
		{"0", "off", "forward", "forward"},
	} {
		r.must(r.host().SetSysctl("net.ipv4.conf.eth2.rp_filter", check.value))
		r.l3("eth2", func(l control.L3Interface) bool { return l.RPFilter == check.shown })
		r.ends(spoofed, check.spoofed)
		r.ends(unknown, check.unknown)
		r.ends(intoEth2, "forward")
	}
}

// A rule that XDP can't follow leaves a whole family to Linux.
func TestFollowRule(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	r.ends(toServer1, "forward")
	rule := topo.Rule{Mark: 1, Priority: 100, Table: 100}
	r.must(r.host().AddRule(rule))
	r.ends(toServer1, "pass_policy")
	r.must(r.host().DeleteRule(rule))
	r.ends(toServer1, "forward")
}
