// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"slices"

	"clearway/tracking"
)

// arrival is what became of a packet.
type arrival struct {
	packet tracking.Packet
	to     *server // nil: nobody
	expected
	now moment
}

// The model knows of each flow where it belongs, and of tables only which slots
// they wanted to give to whom, and when. It says what is wrong with where a packet
// went, "" if nothing is.

// promises are what is known of a service's table.
type promises struct {
	moved   [][]moment // by slot: when its owner changed
	changed bool       // any ever did
	record  moment     // since when all flows are recorded for another table
	resized moment     // when such a one last came
}

// movedSince tells whether the slot of a flow changed its owner since.
func (p *promises) movedSince(slot int, since moment) bool {
	return p.resized.seq > since.seq || slices.ContainsFunc(p.moved[slot], func(m moment) bool { return m.seq > since.seq })
}

// follow compares what the shadow's slots should have been and should be.
func (o *oracle) follow(s *subject, before shadow) {
	p, now := &s.promises, o.moment()
	switch {
	case before.table == nil || s.table == nil:
		p.moved = make([][]moment, len(s.owners))
	case before.seed != s.seed || len(before.owners) != len(s.owners):
		o.resizedTo(s, before, now)
	default:
		if s.recordAt != 0 && before.recordAt == 0 {
			p.record = now
		}
		if s.recordAt == 0 && before.recordAt != 0 { // the same again
			o.resizedTo(s, before, now)
		}
		for i := range s.owners {
			if s.owners[i] != before.owners[i] {
				p.moved[i], p.changed = append(p.moved[i], now), true
			}
		}
	}
}

// resizedTo is called when another table took over: flows of which nothing was
// heard since all are recorded may be lost. Those that are always recorded stay.
func (o *oracle) resizedTo(s *subject, before shadow, now moment) {
	p := &s.promises
	since := p.record
	if before.recordAt == 0 {
		since = now // at once
	}
	for _, c := range o.conns {
		if c.subject == s && s.config.Tracking == TrackChanged && c.heard.seq <= since.seq {
			c.loose = "not heard of while a change of size was prepared"
		}
	}
	p.moved, p.changed, p.resized = make([][]moment, len(s.owners)), true, now
}

// slotMoved tells whether the slot of a flow changed its owner since it was heard of.
func (c *conn) slotMoved() bool {
	return c.subject.promises.movedSince(c.subject.slotOf(c.flow), c.heard)
}

// released tells why a flow need not stay where it is, "" if it must.
func (c *conn) released(now moment) string {
	s := c.subject
	p := &s.promises
	switch {
	case c.home == nil:
		return "it has no home"
	case c.home.life != c.life || !c.home.alive():
		return "its backend died"
	case c.loose != "":
		return c.loose
	case s.config.Tracking == TrackNever:
		return ""
	case p.changed && now.at-c.heard.at >= max(s.config.Settle, tracking.FlowIdle):
		return "silent for an hour"
	case p.changed && !c.confirmed && c.starting && now.at-c.startedAt > tracking.HandshakeTime:
		return "nothing followed its start"
	case s.config.Tracking == TrackChanged && c.silentOver(now):
		return "silent for the time to settle"
	}
	return ""
}

// silentOver tells whether the owner of a flow's slot changed since it was heard
// of, so long ago that the slot may have settled.
func (c *conn) silentOver(now moment) bool {
	for _, m := range c.subject.promises.moved[c.subject.slotOf(c.flow)] {
		if m.seq > c.heard.seq {
			return now.at-m.at >= c.subject.config.Settle
		}
	}
	return false
}

// check says what is wrong with where a packet of a flow went.
func (o *oracle) check(c *conn, a arrival) string {
	takesNone := a.packet.Start && c.subject.accepting() && !o.changing && (a.to == nil || !a.to.accepts())
	switch {
	case c.subject.table == nil:
		c.home = nil
		return ""
	case takesNone:
		return "a flow started on a backend that takes none"
	case c.subject.config.Tracking == TrackNever:
		o.goWithTable(c, a)
	case a.packet.Start:
		return o.checkStart(c, a)
	}
	return o.checkMiddle(c, a)
}

// goWithTable lets a flow go that isn't tracked, if its slot has moved.
func (o *oracle) goWithTable(c *conn, a arrival) {
	if c.home != nil && a.to != c.home && c.slotMoved() {
		c.loose = "its service tracks never"
	}
}

func (o *oracle) checkMiddle(c *conn, a arrival) (wrong string) {
	why := c.released(a.now)
	if why == "" {
		o.stayed++
		if a.to != c.home {
			wrong = "a flow of a living backend moved"
		}
	} else {
		if c.home != nil && a.to != c.home {
			o.moved[why]++
		}
		c.home, c.loose, c.heard, c.confirmed, c.starting = nil, "", moment{}, false, false
		if a.to != nil && a.to.alive() && !a.packet.NoRecord {
			c.home, c.life = a.to, a.to.life
		}
	}
	if !a.packet.NoRecord {
		c.confirmed, c.starting = true, false
		if !a.full {
			c.heard = a.now
		}
	}
	return wrong
}

// checkStart checks a packet that starts a flow, or starts it again.
func (o *oracle) checkStart(c *conn, a arrival) (wrong string) {
	kept := c.starting && c.released(a.now) == "" && c.home.accepts() && !a.full &&
		!c.slotMoved()
	if kept && a.to != c.home {
		wrong = "a start that was sent again went elsewhere"
	}
	if !c.starting {
		c.startedAt, c.starting = a.now.at, true
	}
	c.confirmed, c.home, c.loose, c.heard = false, nil, "", moment{}
	if a.to != nil && a.to.alive() {
		c.home, c.life = a.to, a.to.life
	}
	if !a.full {
		c.heard = a.now
	} else if !a.placed {
		c.loose = "no room for its record, and not the slot's without one"
	}
	return wrong
}

func (o *oracle) moment() moment {
	o.seq++
	return moment{o.now, o.seq}
}
