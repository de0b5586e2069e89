// SPDX-License-Identifier: Apache-2.0

package tracking

import "testing"

// floodOf sends n packets, each of another flow, into slots.
func floodOf(d *datapath, p Packet, n int) {
	for k := range key(n) {
		d.handle(k, p)
	}
}

// TestFloodOnSettled shows that a service which hasn't changed has no memory that
// a flood could take: no record is made, or even looked for.
func TestFloodOnSettled(t *testing.T) {
	d := &datapath{slots: New(spread(1021, 10, 0)).Slots(), backends: allOf(10, Alive|Accept)} // no map at all
	for _, p := range []Packet{start, middle, reset} {
		floodOf(d, p, 1_000_000)
	}
}

// TestFloodWhileMoving shows how far it goes while a slot moves: a flood takes
// all the room there is, and then new flows go where they need none.
func TestFloodWhileMoving(t *testing.T) {
	table := New(spread(1021, 10, 0))
	table.Merge(spread(1021, 10, 7), allOf(10, Alive|Accept), 0)
	moving := table.Count().Moving
	for _, row := range []struct {
		name   string
		packet Packet
		want   int // records
	}{{"start", start, 500}, {"middle", middle, 500}, {"reset", reset, 0}} {
		d := &datapath{slots: table.Slots(), backends: allOf(10, Alive|Accept), flows: newFlowTable(500)}
		floodOf(d, row.packet, 1_000_000)
		if got := len(d.flows.records); got != row.want {
			t.Errorf("%s: %d records, want %d", row.name, got, row.want)
		}
		for k := key(2_000_000); k < 2_100_000; k++ {
			s := d.slots[k.slot(len(d.slots))]
			if to, full := d.handle(k, start); full && to != s.Base() {
				t.Fatalf("%s: a flow that found no room went to %d of %s", row.name, to, textOf(s))
			}
		}
	}
	if moving == 0 || moving > 1021/5 {
		t.Errorf("%d of 1021 slots move", moving)
	}
}
