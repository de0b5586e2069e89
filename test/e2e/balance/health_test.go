// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"context"
	"testing"
	"time"

	"clearway/internal/control"
	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
)

// A server that nothing gets to in the way of a service is down in that service,
// though it is there and answers otherwise. Its flows wait for it.
func TestHealthGoesTheWayOfTraffic(t *testing.T) {
	n := newNetwork(t, "lb1", "client", "s1", "s2")
	n.route("lb1", "client")
	s1, b := n.newServers(allServices, "s1", "s2")["s1"], n.newBalancer("lb1")
	b.run(settings{
		interfaces: []string{"client", "s1", "s2"}, services: allServices, servers: equal("s1", "s2"), downGrace: "1m",
	})
	crowd := n.newCrowd("client", testkit.Rand(t), 4, allServices)
	crowd.newcomers("at first", "s1", "s2")
	b.pings("s1")

	found := crowd.gap()
	s1.closeTunnels()
	b.awaitIn(isTunnelled, "down", "s1")
	b.awaitIn(isLocal, "active", "s1", "s2")
	found()
	crowd.newcomersTo(tunnelled, "without tunnels", "s2")
	crowd.newcomersTo(local, "without tunnels", "s1", "s2")
	b.pings("s1")
	b.remembers(isTunnelled, "s1", "no answer within 100ms")

	s1.openTunnels()
	b.await("active", "s1", "s2")
	crowd.everyone("with tunnels")
	crowd.newcomers("with tunnels", "s1", "s2")

	found = crowd.gap()
	for _, s := range local {
		n.must(s1.host().DeleteAddress("lo", s.host()))
	}
	b.awaitIn(isLocal, "down", "s1")
	b.awaitIn(isTunnelled, "active", "s1", "s2")
	found()
	crowd.newcomersTo(local, "without the services' addresses", "s2")
	for _, s := range local {
		n.must(s1.host().AddAddress("lo", s.host()))
	}
	b.await("active", "s1", "s2")
	crowd.everyone("with the services' addresses")
}

func isLocal(s control.Service) bool     { return s.Mode == "l2" }
func isTunnelled(s control.Service) bool { return !isLocal(s) }

// pings checks that a server answers at its own addresses.
func (b *balancer) pings(server string) {
	b.t.Helper()
	for _, ipv6 := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(b.t.Context(), patience)
		defer cancel()
		to := b.addressOf(server, ipv6)
		if reply, err := (wire.Echo{From: b.Host(b.on), To: to, ID: 1}).Send(ctx); err != nil || !reply.Echo {
			b.t.Errorf("%v doesn't answer a ping: %+v, %v", to, reply, err)
		}
	}
}

// remembers checks what the last check of a server has found.
func (b *balancer) remembers(those func(control.Service) bool, server, want string) {
	b.t.Helper()
	for _, s := range b.services() {
		h := b.backend(s, server).Health
		if those(s) && (h == nil || h.Error != want || h.Status != "down" || time.Since(h.Since) > time.Minute) {
			b.t.Errorf("%s is down in %s because of %+v, want %q", server, s.Name, h, want)
		}
	}
}
