// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"clearway/tracking"
)

// way is how flows are tracked.
type way int

const (
	changed way = iota
	always
	never
	ways
)

func (w way) String() string { return [...]string{"changed", "always", "never"}[w] }

// balancer is one machine with one way of tracking.
type balancer struct {
	way      way
	table    *tracking.Table
	backends tracking.Backends
	records  records // none with never
	settle   time.Duration
	clock    tracking.Clock
	noRoom   int // records that found none
}

// newBalancer is one that knows nothing of flows, at a version of the fleet.
func newBalancer(w way, f fleet, v version) *balancer {
	b := &balancer{way: w, settle: seconds(f.settle), clock: clockAt(v.at)}
	switch w {
	case changed:
		b.records = newRefusing(f.records)
		b.table = tracking.New(v.owners)
	case always:
		b.records = newSets(f.records)
	}
	b.follow(v, v.at)
	return b
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func clockAt(now int) tracking.Clock {
	return tracking.Clock{Seconds: uint32(now), Refresh: uint32(tracking.FlowIdle/time.Second) / 8}
}

// follow takes over a version of the fleet, as the control does.
func (b *balancer) follow(v version, now int) {
	b.backends = v.backends
	switch b.way {
	case changed:
		b.table.Merge(v.owners, v.backends, seconds(now))
	case always:
		b.table = tracking.New(v.owners)
		b.table.RecordAll()
	case never:
		b.table = tracking.New(v.owners)
	}
}

// tick does what is due.
func (b *balancer) tick(now int) {
	b.clock = clockAt(now)
	if b.way == never {
		return
	}
	b.table.Settle(seconds(now), b.settle)
	if now%30 == 0 {
		b.sweep()
	}
}

func (b *balancer) sweep() {
	slots := b.table.Slots()
	deviates := make([]bool, len(slots))
	b.records.sweep(func(id uint32, f tracking.Flow) (keep bool) {
		i := slotOf(id, len(slots))
		if f.Expired(slots[i], b.backends, b.clock, b.settle) {
			return false
		}
		deviates[i] = deviates[i] || f.Backend != slots[i].Cur()
		return true
	})
	b.table.ClearLookup(func(slot int) bool { return deviates[slot] })
}

func slotOf(id uint32, size int) int { return int(uint64(mix(id, 0)) * uint64(size) >> 32) }

// handle returns the backend that a packet of flow id goes to.
func (b *balancer) handle(id uint32, start bool) uint16 {
	slots := b.table.Slots()
	s := slots[slotOf(id, len(slots))]
	if s.Settled() {
		return s.Cur()
	}
	var record *tracking.Flow
	if f, ok := b.records.find(id); ok {
		record = &f
	}
	d := tracking.Choose(s, tracking.Packet{Start: start}, record, b.backends, b.clock)
	if d.Write && !b.records.write(id, d.Record) {
		b.noRoom++
		return d.Full
	}
	return d.Backend
}
