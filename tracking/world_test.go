// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// world is a data path, what controls it, those who send to it, and the model
// that sees it all.
type world struct {
	rng      *rand.Rand
	now      int // seconds
	dp       *datapath
	servers  []*server // by index, those that left included
	control  *control
	model    *model
	conns    []*conn
	noStart  bool // no packet starts a flow
	changing bool // the control is in the middle of a change
	broken   mutant
	quiet    bool // nobody sends
	refused  int  // records

	violated string // the first violation,
	suspect  key    // of this flow, if of one
	verbose  bool
	log      []line
}

// line is one of the log: of a flow, or 0.
type line struct {
	flow key
	text string
}

func (w *world) time() time.Duration { return time.Duration(w.now) * time.Second }

func (w *world) logf(flow key, format string, args ...any) {
	if w.verbose {
		w.log = append(w.log, line{flow, fmt.Sprintf("%7d  ", w.now) + fmt.Sprintf(format, args...)})
	}
}

// story is what the log has to say about the violation.
func (w *world) story() string {
	var lines []string
	for _, l := range w.log {
		if l.flow == 0 || l.flow == w.suspect {
			lines = append(lines, l.text)
		}
	}
	return strings.Join(lines[max(0, len(lines)-100):], "\n")
}

func (w *world) violate(format string, args ...any) {
	if w.violated == "" {
		w.violated = fmt.Sprintf("at %d: ", w.now) + fmt.Sprintf(format, args...)
	}
}

// publish hands the control's slots to the data path, which has its own copy.
func (c *control) publish() {
	slots := slices.Clone(c.table.Slots())
	c.model.published(c.dp.slots, slots, c.now)
	c.dp.slots = slots
}

func (w *world) accepting() bool {
	return slices.ContainsFunc(w.dp.backends, func(b Backend) bool { return b&Accept != 0 })
}

// send has a packet of the flow arrive.
func (w *world) send(c *conn, p Packet) {
	s := w.dp.slots[c.key.slot(len(w.dp.slots))]
	records := len(w.dp.flows.records)
	index, full := w.dp.handle(c.key, p)
	a := arrival{packet: p, full: full, now: w.now, size: len(w.dp.slots)}
	if index != 0 {
		a.to = w.servers[index]
		a.alive, a.accepts = w.dp.backends[index]&Alive != 0, w.dp.backends[index]&Accept != 0
	}
	if full {
		w.refused++
		a.unplaced = p.Start && w.dp.backends[s.Base()]&Accept == 0
	}
	if w.verbose {
		w.logf(c.key, "flow %d, slot %d = %s: %+v to %d, full %v, record %+v", c.key, c.key.slot(len(w.dp.slots)),
			textOf(s), p, index, full, w.dp.flows.records[c.key])
	}
	home, wrong := c.home, ""
	if p.Start {
		wrong = w.model.start(c, a, w.dp.backends, w.accepting() && !w.changing)
	} else {
		wrong = w.model.middle(c, a, w.dp.backends)
	}
	if p.NoRecord && len(w.dp.flows.records) != records {
		wrong = "a packet that may not has made a record"
	}
	if wrong != "" && w.violated == "" {
		w.suspect = c.key
		w.violate("%s: flow %d, slot %d = %s, %+v, from %+v to backend %d", wrong, c.key,
			c.key.slot(len(w.dp.slots)), textOf(s), p, home, index)
	}
}

// open starts a flow, perhaps from a port that one had before.
func (w *world) open(k key) {
	gaps := []int{2, 8, max(2, w.control.settle-1), 3*w.control.settle + 5}
	c := &conn{key: k, heard: never, startedAt: never, gap: gaps[w.rng.IntN(len(gaps))]}
	c.ends = w.now + 1 + w.rng.IntN(5*w.control.settle+60)
	if w.model.conns[k] != nil {
		return
	}
	w.model.conns[k] = c
	w.conns = append(w.conns, c)
	w.send(c, Packet{Start: !w.noStart})
	c.next = w.now + w.rng.IntN(3)
}

// proceed sends what the flow sends next.
func (w *world) proceed(c *conn) {
	switch {
	case !w.noStart && !c.confirmed && w.rng.IntN(6) == 0:
		w.send(c, start)
		c.next = w.now + 1 + w.rng.IntN(3)
		return
	case w.rng.IntN(10) == 0:
		w.send(c, reset)
	}
	w.send(c, middle)
	c.next = w.now + 1 + w.rng.IntN(c.gap)
}

// traffic has some packets arrive of any flows.
func (w *world) traffic(packets int) {
	for range packets {
		if w.quiet {
			return
		}
		if len(w.conns) > 0 {
			w.proceed(w.conns[w.rng.IntN(len(w.conns))])
		}
		if w.rng.IntN(4) == 0 {
			w.open(key(1 + w.rng.IntN(1<<16)))
		}
	}
}

// talk has all flows send what is due, some end and others start.
func (w *world) talk(opens int) {
	for i := 0; i < len(w.conns); i++ {
		c := w.conns[i]
		if c.next <= w.now {
			w.proceed(c)
		}
		if c.ends <= w.now && (c.confirmed || w.noStart) {
			w.conns = slices.Delete(w.conns, i, i+1)
			delete(w.model.conns, c.key)
			if i--; w.rng.IntN(4) == 0 {
				w.open(c.key)
			}
		}
	}
	for range opens {
		w.open(key(1 + w.rng.IntN(1<<16)))
	}
}

// flood has packets of flows arrive that aren't there.
func (w *world) flood(p Packet, packets int) {
	for range packets {
		records := len(w.dp.flows.records)
		to, _ := w.dp.handle(key(1<<20+w.rng.IntN(1<<20)), p)
		switch {
		case p.Start && w.accepting() && w.dp.backends[to]&Accept == 0:
			w.violate("a flow started on backend %d, which takes none", to)
		case p.NoRecord && len(w.dp.flows.records) != records:
			w.violate("a packet that may not has made a record")
		}
	}
}
