// SPDX-License-Identifier: Apache-2.0

package main

import "clearway/tracking"

// records are the flow records of a balancer, by flow.
type records interface {
	find(id uint32) (tracking.Flow, bool)
	write(id uint32, f tracking.Flow) bool // false: no room
	len() int
}

// refusing has room for so many, and no more: a hash map in the kernel.
type refusing struct {
	room  int
	flows map[uint32]tracking.Flow
}

func newRefusing(room int) *refusing { return &refusing{room, map[uint32]tracking.Flow{}} }

func (r *refusing) find(id uint32) (tracking.Flow, bool) {
	f, ok := r.flows[id]
	return f, ok
}

func (r *refusing) write(id uint32, f tracking.Flow) bool {
	if _, ok := r.flows[id]; !ok && len(r.flows) >= r.room {
		return false
	}
	r.flows[id] = f
	return true
}

// sweep deletes those that are not to be kept.
func (r *refusing) sweep(keep func(uint32, tracking.Flow) bool) {
	for id, f := range r.flows {
		if !keep(id, f) {
			delete(r.flows, id)
		}
	}
}

func (r *refusing) len() int { return len(r.flows) }

// forgetting gives up the one used least lately when it has no more room: an LRU
// map, which the kernel has with less precision.
type forgetting struct {
	room    int
	place   map[uint32]int32 // in entries
	entries []entry          // a ring by use; entry 0 is between the last and the first
}

type entry struct {
	id           uint32
	flow         tracking.Flow
	newer, older int32
}

func newForgetting(room int) *forgetting {
	return &forgetting{room, map[uint32]int32{}, make([]entry, 1)}
}

func (r *forgetting) find(id uint32) (tracking.Flow, bool) {
	i, ok := r.place[id]
	if !ok {
		return tracking.Flow{}, false
	}
	r.unlink(i)
	r.linkNewest(i)
	return r.entries[i].flow, true
}

func (r *forgetting) write(id uint32, f tracking.Flow) bool {
	i, ok := r.place[id]
	switch {
	case ok:
		r.unlink(i)
	case len(r.entries) <= r.room:
		i = int32(len(r.entries))
		r.entries = append(r.entries, entry{})
	default:
		i = r.entries[0].newer // the oldest
		r.unlink(i)
		delete(r.place, r.entries[i].id)
	}
	r.place[id] = i
	r.entries[i].id, r.entries[i].flow = id, f
	r.linkNewest(i)
	return true
}

func (r *forgetting) unlink(i int32) {
	e := r.entries[i]
	r.entries[e.older].newer, r.entries[e.newer].older = e.newer, e.older
}

func (r *forgetting) linkNewest(i int32) {
	last := r.entries[0].older
	r.entries[i].older, r.entries[i].newer = last, 0
	r.entries[last].newer, r.entries[0].older = i, i
}

func (r *forgetting) len() int { return len(r.place) }
