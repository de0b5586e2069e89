// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"syscall"
	"testing"
	"time"

	"clearway/internal/testkit"
)

// star is one balancer between clients and servers, each on a link of its own.
type star struct {
	*balancer
	servers map[string]*server
	crowd   *crowd
}

// newStar starts a balancer for all services.
func newStar(t *testing.T, c settings) *star {
	t.Helper()
	n := newNetwork(t, "lb1", "client", "s1", "s2", "s3", "s4", "s5", "s6")
	n.route("lb1", "client")
	s := &star{servers: n.newServers(c.services, "s1", "s2", "s3", "s4", "s5", "s6"), balancer: n.newBalancer("lb1")}
	s.run(c)
	return s
}

func starSettings() settings {
	return settings{
		interfaces: []string{"client", "s1", "s2", "s3", "s4", "s5", "s6"},
		services:   allServices,
		servers:    equal("s1", "s2", "s3", "s4", "s5"),
		settle:     "3s",
		downGrace:  "1m",
		limits:     "{flows: 16384}",
	}
}

// Whatever becomes of the daemon and the backends, connections to those that live
// go on, and new ones find a server.
func TestConnectionsGoOn(t *testing.T) {
	c := starSettings()
	s := newStar(t, c)
	s.crowd = s.newCrowd("client", testkit.Rand(t), 40, c.services)
	all := []string{"s1", "s2", "s3", "s4", "s5"}
	s.crowd.newcomers("at first", all...)
	s.restart(syscall.SIGTERM)

	s.order("drain", "s1")
	s.crowd.everyone("while s1 drains")
	s.crowd.newcomers("while s1 drains", "s2", "s3", "s4", "s5")
	s.restart(syscall.SIGKILL)
	s.crowd.newcomers("while s1 still drains", "s2", "s3", "s4", "s5")

	time.Sleep(time.Second)
}

// restart ends the daemon and starts it anew, with traffic at each moment.
func (s *star) restart(signal syscall.Signal) {
	s.t.Helper()
	s.stop(signal)
	s.crowd.everyone("without a daemon")
	s.start()
	s.crowd.everyone("after the start")
}
