// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"clearway/internal/testkit"
)

// star is one balancer between clients and servers, each on a link of its own.
type star struct {
	*balancer
	servers map[string]*server
	crowd   *crowd
}

// newStar starts a balancer.
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
	s.crowd.newcomers("at first", "s1", "s2", "s3", "s4", "s5")
	s.restart(syscall.SIGTERM)

	s.order("drain", "s1")
	s.crowd.everyone("while s1 drains")
	s.crowd.newcomers("while s1 drains", "s2", "s3", "s4", "s5")
	s.restart(syscall.SIGKILL)
	s.crowd.newcomers("while s1 still drains", "s2", "s3", "s4", "s5")

	c.servers = append(equal("s6"), member{"s1", 1}, member{"s2", 3}, member{"s3", 1}, member{"s4", 2}, member{"s5", 1})
	s.reload(c)
	s.await("active", "s6")
	s.crowd.everyone("when s6 is there")
	s.crowd.newcomers("when s6 is there", "s2", "s3", "s4", "s5", "s6")

	c.limits = "{flows: 16384, services: 100, backends: 1000}"
	s.upgrade(func() { s.reload(c) })

	s.servers["s2"].sick.Store(true)
	s.await("down", "s2")
	s.crowd.newcomers("while s2 is down", "s3", "s4", "s5", "s6")
	c.limits = "{flows: 16384, interfaces: 100}"
	s.write(c)
	s.upgrade(func() { s.restart(syscall.SIGTERM) })
	s.crowd.newcomers("while s2 is still down", "s3", "s4", "s5", "s6")

	s.servers["s2"].sick.Store(false)
	s.await("active", "s2")
	s.order("none", "s1")
	s.crowd.newcomers("when all are back", "s1", "s2", "s3", "s4", "s5", "s6")

	s.moreRecords(&c)
	c.size = 509
	s.reload(c)
	s.restart(syscall.SIGKILL)
	s.settled(509)
	s.crowd.everyone("with larger tables")
	s.nothingDropped()
	s.lose("s3", c)
}

// Connections on which nothing is said while one change comes upon the other, and
// which so have no records, go on as well. Those of a service that is not tracked
// show what would become of the others.
func TestSilentConnectionsGoOn(t *testing.T) {
	c := starSettings()
	c.settle = "6m"
	c.services = append(slices.Clone(allServices), untracked)
	s := newStar(t, c)
	flows := s.newFlows("client", testkit.Rand(t), 30, c.services)
	s.order("drain", "s1")
	s.order("drain", "s2")
	s.order("none", "s1")
	s.stop(syscall.SIGKILL)
	s.start()
	c.servers = []member{{"s6", 2}, {"s5", 1}, {"s4", 4}, {"s3", 1}, {"s2", 1}, {"s1", 2}}
	s.reload(c)
	s.await("active", "s6")
	s.order("drain", "s3")
	broken := 0
	for _, f := range flows {
		switch err := f.ask(most); {
		case err != nil && f.service == untracked:
			broken++
		case err != nil:
			t.Errorf("%v: %v", f, err)
		}
	}
	if broken == 0 {
		t.Error("no change would have broken a connection")
	}
	s.nothingDropped()
}

// restart ends the daemon and starts it anew, with traffic at each moment.
func (s *star) restart(signal syscall.Signal) {
	s.t.Helper()
	s.stop(signal)
	s.crowd.everyone("without a daemon")
	s.start()
	s.crowd.everyone("after the start")
}

// upgrade does what must make a new generation.
func (s *star) upgrade(do func()) {
	s.t.Helper()
	before := s.generation()
	do()
	if now := s.generation(); now <= before {
		s.t.Errorf("the generation went from %d to %d", before, now)
	}
	s.crowd.everyone("in a new generation")
}

// moreRecords changes the size of the map of records, which are copied to another
// one. Flows that come at that moment, and belong to a slot that moves, are
// recorded too late for the copy; all others go on.
func (s *star) moreRecords(c *settings) {
	s.t.Helper()
	end := s.crowd.gap()
	c.limits = "{flows: 20000}"
	s.upgrade(func() { s.reload(*c) })
	end()
}

// lose takes a server from the net without a word. Its flows end once it is given
// up, those of others go on, and new ones find the others as soon as it is seen.
func (s *star) lose(server string, c settings) {
	s.t.Helper()
	c.downGrace = "1s"
	s.reload(c)
	s.crowd.everyone("before " + server + " is lost")
	s.crowd.lose(server)
	found := s.crowd.gap()
	s.must(s.Host(server).SetUp("eth0", false))
	s.await("down", server)
	found()
	s.crowd.newcomers("without "+server, without(names(c.servers), server)...)
	s.within(patience, func() error {
		if on := s.crowd.on(server); on > 0 {
			return fmt.Errorf("%d flows are still open to %s, which is lost", on, server)
		}
		return nil
	})
	s.crowd.everyone("without " + server)
}

func without(names []string, name string) (left []string) {
	for _, n := range names {
		if n != name {
			left = append(left, n)
		}
	}
	return left
}
