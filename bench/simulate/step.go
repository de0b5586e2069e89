// SPDX-License-Identifier: Apache-2.0

package main

// step simulates a second.
func (s *simulation) step() error {
	for _, do := range s.agenda[s.now] {
		if err := do(); err != nil {
			return err
		}
	}
	for _, n := range s.live {
		s.advance(n)
	}
	for _, id := range s.due[s.now] {
		s.middle(id)
	}
	s.due[s.now] = nil
	for range s.traffic.starts(s.now) {
		if len(s.flows) < s.scenario.fleet.flows {
			s.start()
		}
	}
	if s.floodFrom <= s.now && s.now < s.floodTo {
		s.floodSecond()
	}
	s.observe()
	s.now++
	return nil
}

// start begins a flow: a SYN, whose backend is its home, and an ACK.
func (s *simulation) start() {
	id := uint32(len(s.flows))
	s.flows = append(s.flows, s.traffic.flow(s.now))
	f := &s.flows[id]
	node := s.balancerOf(id)
	for w, b := range node.ways {
		f.home[w] = b.handle(id, true)
		if s.gone(f.home[w]) {
			s.result.of[w].refused++
			f.home[w] = 0
		}
	}
	s.result.flows++
	s.result.packets++
	s.middle(id)
}

// gone says whether a backend's process doesn't run now.
func (s *simulation) gone(backend uint16) bool { return s.now < s.stopped[backend]+s.down }

// schedule plans the next packet of a flow, the last one when it ends.
func (s *simulation) schedule(id uint32) {
	f := &s.flows[id]
	at := s.now + s.traffic.gap(f.kind)
	if s.now < int(f.ends) {
		at = min(at, int(f.ends))
	}
	if int(f.heard) < int(f.ends) && at < s.duration {
		s.due[at] = append(s.due[at], id)
	}
}

// middle sends a packet of a flow that is there.
func (s *simulation) middle(id uint32) {
	f := &s.flows[id]
	node := s.balancerOf(id)
	for w, b := range node.ways {
		home := f.home[w]
		if home == 0 {
			continue
		}
		to := b.handle(id, false)
		of := &s.result.of[w]
		switch {
		case s.stopped[home] >= int(f.began):
			of.ended++
			f.home[w] = 0
		case to != home:
			of.broken++
			if s.now-int(f.heard) >= s.settle {
				of.silent++
			}
			f.home[w] = 0
		case s.now >= int(f.ends):
			f.home[w] = 0
		}
	}
	f.heard = int32(s.now)
	s.result.packets++
	s.schedule(id)
}

// floodSecond has SYNs arrive of flows that aren't: their numbers are above all
// others.
func (s *simulation) floodSecond() {
	for range s.flood {
		id := s.floods | 1<<31
		s.floods++
		for _, b := range s.balancerOf(id).ways {
			b.handle(id, true)
		}
	}
}
