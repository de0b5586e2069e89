// SPDX-License-Identifier: Apache-2.0

package tracking_test

import (
	"fmt"
	"time"

	"clearway/tracking"
)

// A backend drains: its slot is given to another, its flows stay.
func Example() {
	backends := tracking.Backends{1: tracking.Alive | tracking.Accept, 2: tracking.Alive | tracking.Accept}
	table := tracking.New([]uint16{1, 2})
	clock := tracking.Clock{Seconds: 1000, Refresh: 450}

	backends[1] = tracking.Alive
	table.Merge([]uint16{2, 2}, backends, 1000*time.Second)
	slot := table.Slots()[0]
	fmt.Println("new flows to", tracking.Choose(slot, tracking.Packet{Start: true}, nil, backends, clock).Backend)
	old := tracking.Choose(slot, tracking.Packet{}, nil, backends, clock)
	fmt.Println("others to", old.Backend, "and recorded:", old.Write)

	const settle = 6 * time.Minute
	table.Settle(1000*time.Second+settle, settle)
	slot = table.Slots()[0]
	fmt.Println("a recorded one to", tracking.Choose(slot, tracking.Packet{}, &old.Record, backends, clock).Backend)
	fmt.Println("others to", tracking.Choose(slot, tracking.Packet{}, nil, backends, clock).Backend)
	fmt.Println("its record may go:", old.Record.Expired(slot, backends, clock, settle))
	// Output:
	// new flows to 2
	// others to 1 and recorded: true
	// a recorded one to 1
	// others to 2
	// its record may go: false
}
