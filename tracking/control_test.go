// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"math"
	"slices"
	"time"
)

// member is a backend of the configuration.
type member struct {
	*server
	weight   int
	drains   bool
	downAt   int // when it stopped answering, never if it does
	dead     bool
	graceful int // seconds from there to its death
}

func (m *member) flags() Backend {
	switch {
	case m.dead:
		return 0
	case m.drains, m.weight == 0, m.downAt != never:
		return Alive
	}
	return Alive | Accept
}

// control is the process that writes the data path's tables.
type control struct {
	*world
	table    *Table
	settle   int
	size     int // wanted
	recordAt int // when recording of all flows began
	members  []*member
	leaving  map[uint16]bool // indices that can't be given away yet
	sweptAt  int
}

// newControl starts one, for the first time or on what a former one left.
func newControl(w *world, settle, size int, members []*member) *control {
	c := &control{world: w, settle: settle, size: size, members: members, leaving: map[uint16]bool{}, sweptAt: w.now}
	if w.dp.slots == nil {
		for _, m := range c.members {
			c.dp.backends[m.index] = m.flags()
		}
		c.table = New(c.wanted(size))
		c.publish()
		return c
	}
	adopted := time.Duration(w.now) * time.Second
	if w.broken == adoptedSettled {
		adopted = -time.Hour
	}
	c.table = Adopt(slices.Clone(w.dp.slots), adopted)
	c.recordAt = w.now
	for i := range uint16(len(w.servers)) {
		if w.servers[i] != nil && !slices.ContainsFunc(members, func(m *member) bool { return m.server == w.servers[i] }) {
			c.leaving[i] = true
		}
	}
	return c
}

// wanted gives each slot to the member with the best lot, and nil if none
// accepts new flows.
func (c *control) wanted(size int) []uint16 {
	owners := make([]uint16, size)
	any := false
	for i := range owners {
		best := math.Inf(-1)
		for _, m := range c.members {
			if m.flags()&Accept == 0 {
				continue
			}
			any = true
			lot := float64((key(i)<<8|key(m.name)&0xff).slot(1<<20)+1) / (1 << 20)
			if score := -float64(m.weight) / math.Log(lot*0.999); score > best {
				best, owners[i] = score, m.index
			}
		}
	}
	if !any {
		return nil
	}
	return owners
}

// apply brings the data path to what is wanted: flags first, then slots.
// Packets come in between.
func (c *control) apply() {
	c.changing = true
	before := slices.Clone(c.dp.backends)
	for _, m := range c.members {
		if m.flags()&Alive == 0 && before[m.index]&Alive != 0 {
			m.life++
		}
		c.dp.backends[m.index] = m.flags()
	}
	c.traffic(c.rng.IntN(5))
	owners := c.wanted(len(c.table.Slots()))
	if c.broken != deathUnmerged || !c.sameOwners(owners) {
		c.merge(owners)
	}
	c.resize()
	c.changing = false
}

func (c *control) sameOwners(owners []uint16) bool {
	for i, s := range c.table.Slots() {
		if owners != nil && s.Cur() != owners[i] {
			return false
		}
	}
	return true
}

func (c *control) merge(owners []uint16) {
	before := slices.Clone(c.table.Slots())
	c.table.Merge(owners, c.dp.backends, c.time())
	for i, s := range c.table.slots {
		if c.broken == baseFollows && before[i].Moving() && s.Moving() && s.Cur() != before[i].Cur() {
			c.table.slots[i] = Slot(s.Cur()) | Slot(before[i].Cur())<<baseShift | lookup | s&record
		}
	}
	c.publish()
}

// resize goes on with a change of size. If it is taken back meanwhile, the same
// size takes over from itself.
func (c *control) resize() {
	switch {
	case !c.table.Recording() && c.size == len(c.table.Slots()):
	case !c.table.Recording():
		c.table.RecordAll()
		c.recordAt = c.now
		c.publish()
	case c.now-c.recordAt >= c.settle || c.broken == resizedAtOnce:
		if owners := c.wanted(c.size); owners != nil {
			c.table = Replace(owners)
			if c.broken == resizedUnlooked {
				c.table = New(owners)
			}
			c.publish()
			c.model.resized(c.now)
		}
	}
}

// tick does what is due.
func (c *control) tick() {
	died := false
	for _, m := range c.members {
		if m.downAt != never && !m.dead && c.now-m.downAt >= m.graceful {
			c.logf(0, "server %d is dead", m.name)
			m.dead, died = true, true
		}
	}
	if died {
		c.apply()
	}
	after := time.Duration(c.settle) * time.Second
	switch c.broken {
	case settledEarly:
		after /= 2
	case neverSettled:
		after = math.MaxInt64
	}
	before := slices.Clone(c.table.Slots())
	if c.table.Settle(c.time(), after) {
		if c.broken == noLookup {
			for i := range c.table.slots {
				if before[i].Moving() {
					c.table.slots[i] &^= lookup
				}
			}
		}
		c.model.settled(before, c.table.Slots(), c.now)
		c.publish()
	}
	c.resize()
	if c.now-c.sweptAt >= 30 {
		c.sweep()
	}
}

// sweep deletes records, ends tails, and gives indices back.
func (c *control) sweep() {
	c.sweptAt = c.now
	named := make([]bool, len(c.servers))
	c.table.MarkUsed(named)
	keys := make([]key, 0, len(c.dp.flows.records))
	for k := range c.dp.flows.records {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	deviate := make([]bool, len(c.table.Slots()))
	half := len(keys) / 2
	for i, k := range keys {
		if i == half {
			c.traffic(c.rng.IntN(5))
		}
		slot := k.slot(len(c.table.Slots()))
		s, r := c.table.Slots()[slot], c.dp.flows.records[k]
		switch {
		case c.expired(r, s):
			delete(c.dp.flows.records, k)
		case r.Backend != s.Cur() && c.broken != clearedAll:
			deviate[slot] = true
		}
	}
	if c.table.ClearLookup(func(slot int) bool { return deviate[slot] }) {
		c.publish()
	}
	for index := range c.leaving {
		if !named[index] {
			c.release(index)
		}
	}
}

func (c *control) expired(r Flow, s Slot) bool {
	switch {
	case c.broken == neverSwept, c.broken == indexUnswept && c.leaving[r.Backend]:
		return false
	case c.broken == sweptWhileMoving && r.Backend == s.Cur() && !s.Record():
		return true
	case c.broken == sweptStarted && !r.Confirmed:
		return true
	}
	return r.Expired(s, c.dp.backends, c.dp.clock, time.Duration(c.settle)*time.Second)
}

func (c *control) release(index uint16) {
	delete(c.leaving, index)
	c.servers[index] = nil
}

// remove takes a member out. Its index stays taken.
func (c *control) remove(m *member) {
	c.members = slices.DeleteFunc(c.members, func(o *member) bool { return o == m })
	m.life++
	c.dp.backends[m.index] = 0
	c.leaving[m.index] = true
	c.apply()
	if c.broken == indexReused {
		c.release(m.index)
	}
}
