// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"slices"
	"syscall"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// fleet is two balancers behind a router that spreads flows over them.
type fleet struct {
	*network
	lb1, lb2 *balancer
	crowd    *crowd
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	n := newNetwork(t, "edge", "client", "lb1", "lb2", "s1", "s2", "s3", "s4", "s5")
	for _, family := range []string{"ipv4", "ipv6"} {
		n.must(n.Host("edge").SetSysctl("net."+family+".fib_multipath_hash_policy", "1")) // by ports, too
	}
	n.newServers(tunnelled, "s1", "s2", "s3", "s4", "s5")
	return &fleet{network: n, lb1: n.newBalancer("lb1"), lb2: n.newBalancer("lb2")}
}

func fleetSettings() settings {
	return settings{
		interfaces: []string{"eth0"},
		services:   tunnelled,
		servers:    []member{{"s1", 1}, {"s2", 2}, {"s3", 1}, {"s4", 3}, {"s5", 1}},
		settle:     "500ms",
		fall:       50, // a slow answer to one balancer makes it differ from the other for a while
		limits:     "{flows: 16384}",
	}
}

// live gives a balancer a past, at the end of which it has the settings.
func (b *balancer) live(c settings) {
	b.t.Helper()
	past := c
	past.servers = []member{{"s4", 1}, {"s2", 7}}
	past.services = c.services[2:]
	b.run(past)
	past.servers = slices.Clone(c.servers)
	past.services = c.services
	b.reload(past)
	b.await("active", names(past.servers)...)
	b.order("drain", "s3")
	b.order("drain", "s5")
	b.stop(syscall.SIGKILL)
	b.start()
	b.order("none", "s3")
	slices.Reverse(past.servers)
	b.reload(past)
	b.order("none", "s5")
	b.settled(c.size)
}

// Balancers with the same services choose the same servers, whatever they have
// been through: no connection breaks when another gets its packets.
func TestBalancersAgree(t *testing.T) {
	f, c := newFleet(t), fleetSettings()
	c.size = 251
	f.lb2.live(c)
	f.lb1.run(c)
	f.route("edge", "lb1", "lb2")
	f.crowd = f.newCrowd("client", testkit.Rand(t), 40, c.services)
	f.carry("over both", f.lb1, f.lb2)
	f.route("edge", "lb2")
	f.carry("over lb2 alone", f.lb2)
	f.lb1.stop(syscall.SIGKILL)
	f.route("edge", "lb1")
	f.carry("over lb1, whose daemon is dead", f.lb1)
	f.route("edge", "lb2", "lb1")
	f.carry("over both again", f.lb1, f.lb2)
	f.must(f.Host("lb1").SetUp("eth0", false)) // and flows with it, until the router knows
	f.route("edge", "lb2")
	f.carry("without lb1", f.lb2)
	f.lb2.nothingDropped()
}

// carry checks that all flows go on, and by which balancers.
func (f *fleet) carry(how string, want ...*balancer) {
	f.t.Helper()
	f.crowd.everyone("once the way leads " + how) // so that the way before is empty
	before1, before2 := f.lb1.sent(), f.lb2.sent()
	f.crowd.everyone(how)
	for b, sent := range map[*balancer]uint64{f.lb1: f.lb1.sent() - before1, f.lb2: f.lb2.sent() - before2} {
		if carries := sent > 0; carries != slices.Contains(want, b) {
			f.t.Errorf("%s %s sent %d packets to backends", how, b.on, sent)
		}
	}
	f.crowd.newcomers(how, "s1", "s2", "s3", "s4", "s5")
}

// sent counts packets to backends, as the data path has it: with a daemon or
// without.
func (b *balancer) sent() (packets uint64) {
	b.t.Helper()
	var services []dataplane.ServiceStats
	b.must(b.Host(b.on).Do(func() error {
		d, err := dataplane.OpenReadOnly(b.path("bpf/clearway"))
		if err != nil {
			return err
		}
		defer d.Close()
		services, err = d.Services()
		return err
	}))
	for _, s := range services {
		for _, backend := range s.Backends {
			packets += backend.Sent.Packets
		}
	}
	return packets
}
