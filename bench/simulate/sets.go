// SPDX-License-Identifier: Apache-2.0

package main

import "clearway/tracking"

// sets are records by the hash of their flow, as bpf/flows.h has them: in a set
// that is full the one needed least makes room.
type sets struct {
	sets [][4]entry
	n    int // entries in use
}

type entry struct {
	id   uint32
	flow tracking.Flow // backend 0: none
}

func newSets(n int) *sets { return &sets{sets: make([][4]entry, n)} }

func (r *sets) of(id uint32) *[4]entry {
	return &r.sets[uint64(mix(id, 1))*uint64(len(r.sets))>>32]
}

func (r *sets) find(id uint32) (tracking.Flow, bool) {
	for _, e := range r.of(id) {
		if e.id == id && e.flow.Backend != 0 {
			return e.flow, true
		}
	}
	return tracking.Flow{}, false
}

func (r *sets) write(id uint32, f tracking.Flow) bool {
	set := r.of(id)
	to := &set[0]
	for i := range set {
		e := &set[i]
		if e.id == id && e.flow.Backend != 0 {
			e.flow = f
			return true
		}
		if e.need() < to.need() {
			to = e
		}
	}
	if to.flow.Confirmed && !f.Confirmed {
		return false // a start drives out no flow
	}
	if to.flow.Backend == 0 {
		r.n++
	}
	*to = entry{id, f}
	return true
}

// need is greater for what is needed more: a flow more than a start that nothing
// followed, that seen later more than another.
func (e *entry) need() uint64 {
	switch {
	case e.flow.Backend == 0:
		return 0
	case e.flow.Confirmed:
		return 1<<32 | uint64(e.flow.Seen)
	}
	return 1 + uint64(e.flow.Seen)
}

// sweep deletes those that are not to be kept.
func (r *sets) sweep(keep func(uint32, tracking.Flow) bool) {
	for s := range r.sets {
		for i := range r.sets[s] {
			if e := &r.sets[s][i]; e.flow.Backend != 0 && !keep(e.id, e.flow) {
				*e = entry{}
				r.n--
			}
		}
	}
}

func (r *sets) len() int { return r.n }
