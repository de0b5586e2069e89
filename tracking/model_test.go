// SPDX-License-Identifier: Apache-2.0

package tracking

import "time"

// server is a process that keeps connections. If it dies they are lost, and it
// is another one that returns under its name.
type server struct {
	name  int
	index uint16
	life  int
}

// conn is a flow as somebody sees it who knows everything: to whom it belongs.
type conn struct {
	key   key
	home  *server // nil: it belongs to nobody
	life  int     // of home
	heard int     // when a packet last came that was recorded, or needed no record

	startedAt int // first of its starts that nothing followed
	confirmed bool
	loose     bool // it may have been lost in one of the ways that are admitted

	// what it does next
	gap  int // most seconds between two packets
	next int
	ends int
}

const never = -1 << 30

// model knows of each flow where it belongs, and says so when a packet goes
// elsewhere. It looks at slots only to know when those moved that lose flows
// which were silent.
type model struct {
	conns     map[key]*conn
	movedAt   []int // by slot: when it began to move
	curSince  []int // by slot: when it got its cur
	recordAll int   // when it began
	settle    int   // seconds in which a flow that isn't silent is recorded
}

// published is called when the data path has got new slots.
func (m *model) published(before, after []Slot, now int) {
	if len(before) != len(after) {
		m.movedAt, m.curSince = make([]int, len(after)), make([]int, len(after))
		for i := range after {
			m.curSince[i] = now
		}
		return
	}
	for i := range after {
		if !before[i].Moving() && after[i].Moving() {
			m.movedAt[i] = now
		}
		if before[i].Cur() != after[i].Cur() {
			m.curSince[i] = now
		}
		if !before[i].Record() && after[i].Record() {
			m.recordAll = now
		}
	}
}

// settled is called when the time of slots is over: flows that were silent all
// along are lost, if that was long enough.
func (m *model) settled(before, after []Slot, now int) {
	for _, c := range m.conns {
		i := c.key.slot(len(after))
		over := before[i].Moving() && !after[i].Moving() && now-m.movedAt[i] >= m.settle
		if over && c.heard <= m.movedAt[i] {
			c.loose = true
		}
	}
}

// resized is called when another table took over: likewise.
func (m *model) resized(now int) {
	for _, c := range m.conns {
		if c.heard <= m.recordAll && now-m.recordAll >= m.settle {
			c.loose = true
		}
	}
}

// arrival is what happened to a packet.
type arrival struct {
	packet   Packet
	to       *server // nil: nobody
	alive    bool    // to is
	accepts  bool
	full     bool // its record found no room,
	unplaced bool // and without one it isn't the backend's
	now      int
	size     int // slots of the table
}

// belongs says whether the flow has a home that lives.
func (c *conn) belongs(b Backends) bool {
	return c.home != nil && c.home.life == c.life && b[c.home.index]&Alive != 0
}

// expire admits that records which say nothing for too long are deleted.
func (c *conn) expire(now int) {
	if c.heard != never && now-c.heard >= int(FlowIdle/time.Second) {
		c.loose = true
	}
	if !c.confirmed && now-c.startedAt > int(HandshakeTime/time.Second) {
		c.loose = true
	}
}

// middle checks a packet of a flow that is there, and returns what is wrong.
func (m *model) middle(c *conn, a arrival, b Backends) string {
	c.expire(a.now)
	if c.belongs(b) && !c.loose {
		if a.to != c.home {
			return "a flow of a living backend moved"
		}
	} else {
		c.home, c.loose, c.heard = nil, false, never
		if a.to != nil && a.alive {
			c.home, c.life = a.to, a.to.life
		}
	}
	if !a.packet.NoRecord {
		c.confirmed = true
		if !a.full {
			c.heard = a.now
		}
	}
	return ""
}

// start checks a packet that starts a flow, or starts it again.
func (m *model) start(c *conn, a arrival, b Backends, anyAccepts bool) string {
	if anyAccepts && !a.accepts {
		return "a flow started on a backend that takes none"
	}
	c.expire(a.now)
	again := !c.confirmed && c.startedAt != never
	kept := c.belongs(b) && b[c.home.index]&Accept != 0 && !c.loose && c.heard > m.curSince[c.key.slot(a.size)]
	if again && kept && !a.full && a.to != c.home {
		return "a start that was sent again went elsewhere"
	}
	if !again {
		c.startedAt = a.now
	}
	c.confirmed, c.home, c.heard = false, nil, never
	if a.to != nil && a.alive {
		c.home, c.life = a.to, a.to.life
	}
	if !a.full {
		c.heard = a.now
	}
	c.loose = a.unplaced
	return ""
}
