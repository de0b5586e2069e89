// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"fmt"
	"iter"
)

// oracle is the rule of the data path as its design writes it, step by step, on
// the one record that matters. It knows nothing of decisions and choices: only
// where the packet goes, what becomes of the record, and whether one more was
// refused.
type oracle struct {
	slot     Slot
	packet   Packet
	backends Backends
	now      uint32
	room     bool // for one more record
	record   *Flow

	to   uint16
	full bool
}

func (o *oracle) alive(b uint16) bool   { return b > 0 && o.backends[b]&1 != 0 }
func (o *oracle) accepts(b uint16) bool { return b > 0 && o.backends[b]&2 != 0 }

func (o *oracle) insert(backend uint16) bool {
	if o.record == nil && !o.room {
		o.full = true
		return false
	}
	o.record = &Flow{Backend: backend, Confirmed: !o.packet.Start, Seen: o.now}
	return true
}

func (o *oracle) choose() {
	cur, base := uint16(o.slot&0x7fff), uint16(o.slot>>15&0x7fff)
	bits := o.slot >> 30
	recordAll := bits&2 != 0
	if cur == base && bits == 0 {
		o.to = cur
		return
	}
	r, start := o.record, o.packet.Start
	if r != nil && o.alive(r.Backend) && (!start || o.accepts(r.Backend)) {
		o.to = r.Backend
		if o.now-r.Seen >= 450 || !start && !r.Confirmed {
			r.Seen = o.now
			r.Confirmed = r.Confirmed || !start
		}
		return
	}
	if start {
		if cur == base && !recordAll {
			if r != nil {
				*r = Flow{Backend: cur, Seen: o.now}
			}
			o.to = cur
		} else if o.insert(cur) {
			o.to = cur
		} else if o.accepts(base) {
			o.to = base
		} else {
			o.to = cur
		}
		return
	}
	want := cur
	if o.alive(base) {
		want = base
	}
	o.to = want
	if o.packet.NoRecord {
		return
	}
	if want == cur && !recordAll {
		if r != nil {
			*r = Flow{Backend: cur, Confirmed: true, Seen: o.now}
		}
		return
	}
	o.insert(want)
}

// carryOut does what the data path does with a decision.
func (o *oracle) carryOut(d Decision) {
	o.to = d.Backend
	inserts := d.Choice == ChoiceNewCur || d.Choice == ChoiceNewBase
	switch {
	case d.Write && o.record == nil && !inserts:
		panic("writes a record that isn't there")
	case d.Write && o.record == nil && !o.room:
		o.to, o.full = d.Full, true
	case d.Write:
		r := d.Record
		o.record = &r
	}
}

func (o *oracle) equals(p oracle) bool {
	if (o.record == nil) != (p.record == nil) || o.record != nil && *o.record != *p.record {
		return false
	}
	return o.to == p.to && o.full == p.full
}

func (o oracle) String() string {
	text := fmt.Sprintf("to %c, full %v", nameOf(o.to), o.full)
	if o.record != nil {
		text += fmt.Sprintf(", record %+v", *o.record)
	}
	return text
}

// slotsOf yields all slots of n backends.
func slotsOf(n uint16) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		for cur := range n + 1 {
			for base := range n + 1 {
				for bits := range Slot(4) {
					if !yield(Slot(cur) | Slot(base)<<15 | bits<<30) {
						return
					}
				}
			}
		}
	}
}

// recordsOf yields all records of n backends at time 1000: none, of nobody (which
// only a bug would leave), new and old, confirmed and not.
func recordsOf(n uint16) iter.Seq[*Flow] {
	return func(yield func(*Flow) bool) {
		if !yield(nil) {
			return
		}
		for backend := range n + 1 {
			for _, seen := range []uint32{1000, 551, 550, 0} {
				for _, confirmed := range []bool{false, true} {
					if !yield(&Flow{Backend: backend, Confirmed: confirmed, Seen: seen}) {
						return
					}
				}
			}
		}
	}
}

// backendsWith yields all flags of n backends.
func backendsWith(n int) iter.Seq[Backends] {
	return func(yield func(Backends) bool) {
		for bits := range 1 << (2 * n) {
			b := make(Backends, n+1)
			for i := range n {
				b[i+1] = Backend(bits >> (2 * i) & 3)
			}
			if !yield(b) {
				return
			}
		}
	}
}
