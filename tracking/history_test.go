// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"testing"

	"clearway/internal/testkit"
)

const backendIndices = 10 // of them 1 to 9 are given away

var (
	tableSizes = []int{7, 13, 31, 61}
	settles    = []int{0, 20, 60, 200}
	capacities = []int{0, 12, 60, 1 << 30, 1 << 30}
)

// play makes up a history and returns the world at its end, or where the first
// violation was.
func play(seed int64, broken mutant, verbose bool) *world {
	rng := testkit.NewRand(seed)
	pick := func(of []int) int { return of[rng.IntN(len(of))] }
	w := &world{rng: rng, now: 1_000_000, broken: broken, verbose: verbose, noStart: rng.IntN(4) == 0,
		servers: make([]*server, backendIndices)}
	w.dp = &datapath{backends: make(Backends, backendIndices), flows: newFlowTable(pick(capacities)), broken: broken}
	w.dp.flows.lru = broken == leastRecentlyUsed
	w.model = &model{conns: map[key]*conn{}, settle: pick(settles)}
	var members []*member
	for i := range 2 + rng.IntN(4) {
		members = append(members, w.newMember(uint16(i+1)))
	}
	w.tickClock(0)
	w.control = newControl(w, w.model.settle, pick(tableSizes), members)
	w.logf(0, "settle %d, size %d, capacity %d, no start %v", w.control.settle, w.control.size, w.dp.flows.capacity, w.noStart)
	rarely := 5 + rng.IntN(60)
	for range 900 {
		w.tickClock(1)
		if rng.IntN(rarely) == 0 {
			w.event()
		}
		w.control.tick()
		w.talk(rng.IntN(3))
		if w.violated != "" {
			return w
		}
	}
	w.quiesce()
	return w
}

func (w *world) tickClock(seconds int) {
	w.now += seconds
	w.dp.clock = Clock{Seconds: uint32(w.now), Refresh: 450}
}

// event changes something.
func (w *world) event() {
	c := w.control
	m := c.members[w.rng.IntN(len(c.members))]
	switch e := w.rng.IntN(16); {
	case e == 0:
		w.add()
	case e == 1 && len(c.members) > 1:
		w.logf(0, "server %d leaves", m.name)
		c.remove(m)
	case e <= 3:
		w.logf(0, "server %d drains: %v", m.name, !m.drains)
		m.drains = !m.drains
		c.apply()
	case e == 4:
		m.weight = w.rng.IntN(4)
		w.logf(0, "server %d weighs %d", m.name, m.weight)
		c.apply()
	case e <= 8 && m.downAt == never:
		m.downAt, m.graceful = w.now, w.rng.IntN(12)
		w.logf(0, "server %d is down, dead in %d", m.name, m.graceful)
		c.apply()
	case e <= 11 && m.downAt != never:
		w.logf(0, "server %d is up, it was dead: %v", m.name, m.dead)
		m.downAt, m.dead = never, false
		c.apply()
	case e == 12:
		w.logf(0, "another process takes over")
		w.control = newControl(w, c.settle, c.size, c.members)
		w.control.sweptAt = w.now - w.rng.IntN(30)
	case e == 13:
		c.size = tableSizes[w.rng.IntN(len(tableSizes))]
		w.logf(0, "size %d is wanted", c.size)
		c.resize()
	case e == 14:
		p := []Packet{start, middle, reset}[w.rng.IntN(3)]
		if w.noStart {
			p.Start = false
		}
		w.logf(0, "flood of %+v", p)
		w.flood(p, 200)
	case w.rng.IntN(8) == 0:
		w.logf(0, "nothing happens for a while")
		w.wait(1800 + w.rng.IntN(7200))
	}
}

func (w *world) newMember(index uint16) *member {
	w.servers[index] = &server{name: w.rng.IntN(20), index: index}
	return &member{server: w.servers[index], weight: 1 + w.rng.IntN(3), downAt: never}
}

// add gives a new member the first index that is free. Nothing may name it.
func (w *world) add() {
	for index := uint16(1); index < backendIndices; index++ {
		if w.servers[index] != nil {
			continue
		}
		for _, s := range w.dp.slots {
			if s.Cur() == index || s.Base() == index {
				w.violate("slot %s names backend %d, which was free", textOf(s), index)
			}
		}
		for k, r := range w.dp.flows.records {
			if r.Backend == index {
				w.violate("the record of flow %d names backend %d, which was free", k, index)
			}
		}
		m := w.newMember(index)
		w.logf(0, "server %d joins with index %d", m.name, index)
		w.control.members = append(w.control.members, m)
		w.control.apply()
		return
	}
}

// wait lets time pass without traffic.
func (w *world) wait(seconds int) {
	for range seconds / 30 {
		w.tickClock(30)
		w.control.tick()
	}
}

// quiesce ends all flows and waits until nothing should be left of them.
func (w *world) quiesce() {
	w.quiet, w.conns, w.model.conns = true, nil, map[key]*conn{}
	c := w.control
	w.wait(2*c.settle + 3600 + 450 + 120)
	if !w.accepting() { // then the last table stays, and its next size waits
		return
	}
	for i, s := range w.dp.slots {
		if !s.Settled() {
			w.violate("slot %d never settles: %s", i, textOf(s))
		}
	}
	if n := len(w.dp.flows.records); n > 0 {
		w.violate("%d records are left", n)
	}
	if !c.sameOwners(c.wanted(c.size)) {
		w.violate("new flows don't go where they should")
	}
	if len(c.leaving) > 0 {
		w.violate("indices are never free again: %v", c.leaving)
	}
}

// TestHistory plays random histories of changes and packets.
func TestHistory(t *testing.T) {
	seed := testkit.Seed(t)
	histories := int64(300)
	if testing.Short() {
		histories = 50
	}
	refused := 0
	for i := range histories {
		w := play(seed+i, none, false)
		if refused += w.refused; w.violated != "" {
			again := play(seed+i, none, true)
			t.Fatalf("history of seed %d: %s\n%s", seed+i, w.violated, again.story())
		}
	}
	if refused == 0 {
		t.Error("no flow was ever refused: these histories show too little")
	}
}
