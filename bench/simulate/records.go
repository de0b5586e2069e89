// SPDX-License-Identifier: Apache-2.0

package main

import "clearway/tracking"

// records are the flow records of a balancer, by flow.
type records interface {
	find(id uint32) (tracking.Flow, bool)
	write(id uint32, f tracking.Flow) bool // false: no room
	sweep(keep func(uint32, tracking.Flow) bool)
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
