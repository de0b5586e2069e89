// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"

	"clearway/maglev"
	"clearway/tracking"
)

// version is what the fleet's configuration and health checks say of backends
// from a time on.
type version struct {
	at       int
	owners   []uint16 // of the slots of the wanted table
	backends tracking.Backends
}

// node is a balancer, once for each way of tracking.
type node struct {
	ways    [ways]*balancer
	version int // index of the one it follows
}

// simulation is the state of a fleet in a second.
type simulation struct {
	scenario
	now      int
	agenda   map[int][]func() error
	flags    tracking.Backends // of now
	stopped  []int             // when a backend's process last ended, by index
	builder  maglev.Builder
	versions []version
	nodes    []*node // nil while it is away
	live     []int   // those that are there
	traffic  *traffic
	flows    []flow
	due      [][]uint32 // by second: flows that send then
	floods   uint32
	result   result
}

// simulate plays a scenario to its end.
func simulate(s scenario) (result, error) {
	sim, err := newSimulation(s)
	if err != nil {
		return result{}, err
	}
	for sim.now < s.duration {
		if err := sim.step(); err != nil {
			return result{}, err
		}
	}
	return sim.end(), nil
}

func newSimulation(s scenario) (*simulation, error) {
	sim := &simulation{scenario: s, agenda: map[int][]func() error{}, traffic: newTraffic(s.fleet),
		flags: make(tracking.Backends, s.backends+1), stopped: make([]int, s.backends+1),
		nodes: make([]*node, s.balancers), due: make([][]uint32, s.duration)}
	for i := 1; i <= s.backends; i++ {
		sim.flags[i], sim.stopped[i] = tracking.Alive|tracking.Accept, math.MinInt
	}
	if err := sim.publish(); err != nil {
		return nil, err
	}
	for n := range sim.nodes {
		sim.join(n)
	}
	for i := range s.restarts {
		sim.planRestart(i%s.backends+1, s.restartFrom+i*(s.restartTo-s.restartFrom)/s.restarts)
	}
	for i := range s.reboots {
		n, at := i%s.balancers, s.rebootFrom+i*s.rebootInterval
		sim.plan(at, func() error { sim.leave(n); return nil })
		sim.plan(at+s.rebootFor, func() error { sim.join(n); return nil })
	}
	return sim, nil
}

func (s *simulation) plan(at int, do func() error) { s.agenda[at] = append(s.agenda[at], do) }

// planRestart has a backend drain, stop, be noted as dead, and return.
func (s *simulation) planRestart(backend, at int) {
	become := func(at int, flags tracking.Backend) {
		s.plan(at, func() error {
			s.flags[backend] = flags
			return s.publish()
		})
	}
	stop := at + s.drain
	become(at, tracking.Alive)
	s.plan(stop, func() error { s.stopped[backend] = s.now; return nil })
	become(stop+s.grace, 0)
	become(stop+s.down, tracking.Alive|tracking.Accept)
}

// publish makes a version of the backends as they are now.
func (s *simulation) publish() error {
	v := version{at: s.now, backends: append(tracking.Backends(nil), s.flags...)}
	var backends []maglev.Backend
	var indices []uint16
	for i, flags := range s.flags {
		if flags&tracking.Accept != 0 {
			backends = append(backends, maglev.Backend{Name: fmt.Sprintf("10.2.%d.%d", i/256, i%256), Weight: 1})
			indices = append(indices, uint16(i))
		}
	}
	table := make(maglev.Table, s.tableSize)
	if err := s.builder.Build(table, s.seed, backends); err != nil {
		return fmt.Errorf("building the table: %w", err)
	}
	v.owners = make([]uint16, len(table))
	for slot, place := range table {
		v.owners[slot] = indices[place]
	}
	s.versions = append(s.versions, v)
	return nil
}

// join has a balancer start with no knowledge of flows.
func (s *simulation) join(n int) {
	s.nodes[n] = &node{version: len(s.versions) - 1}
	for w := range ways {
		v := s.versions[len(s.versions)-1]
		v.at = s.now
		s.nodes[n].ways[w] = newBalancer(w, s.fleet, v)
	}
	s.countLive()
}

func (s *simulation) leave(n int) {
	s.result.note(s.nodes[n])
	s.nodes[n] = nil
	s.countLive()
}

func (s *simulation) countLive() {
	s.live = s.live[:0]
	for n, node := range s.nodes {
		if node != nil {
			s.live = append(s.live, n)
		}
	}
}

// balancerOf is where the routers send a flow: they divide its hash by the number
// of balancers, or are resilient.
func (s *simulation) balancerOf(id uint32) *node {
	if !s.resilient {
		return s.nodes[s.live[int(mix(id, 1))%len(s.live)]]
	}
	best, most := 0, uint32(0)
	for _, n := range s.live {
		if lot := mix(id, 2+uint32(n)); lot >= most {
			best, most = n, lot
		}
	}
	return s.nodes[best]
}

// advance has a balancer follow what it has learnt of, and do what is due.
func (s *simulation) advance(n int) {
	node := s.nodes[n]
	for node.version+1 < len(s.versions) && s.versions[node.version+1].at+n%(s.delay+1) <= s.now {
		node.version++
		for _, b := range node.ways {
			b.follow(s.versions[node.version], s.now)
		}
	}
	for _, b := range node.ways {
		b.tick(s.now)
	}
}
