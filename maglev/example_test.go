// SPDX-License-Identifier: Apache-2.0

package maglev_test

import (
	"fmt"
	"log"

	"clearway/maglev"
)

func Example() {
	backends := []maglev.Backend{
		{Name: "10.0.0.1", Weight: 2},
		{Name: "10.0.0.2", Weight: 1},
		{Name: "10.0.0.3", Weight: 1},
	}
	table, err := maglev.Build(maglev.SizeFor(len(backends)), 1, backends)
	if err != nil {
		log.Fatal(err)
	}
	slots := make([]int, len(backends))
	for _, b := range table {
		slots[b]++
	}
	fmt.Println(len(table), "slots, of which the backends have", slots)
	fmt.Println("flow 0x5eed1234 goes to", backends[table.Backend(0x5eed1234)].Name)
	// Output:
	// 509 slots, of which the backends have [255 127 127]
	// flow 0x5eed1234 goes to 10.0.0.1
}

// A builder makes the tables of many services without garbage.
func ExampleBuilder() {
	services := [][]maglev.Backend{
		{{Name: "10.0.0.1", Weight: 1}, {Name: "10.0.0.2", Weight: 1}},
		{{Name: "10.0.0.3", Weight: 0}},
	}
	var builder maglev.Builder
	table := make(maglev.Table, 251)
	for i, backends := range services {
		if err := builder.Build(table, 1, backends); err != nil {
			fmt.Printf("service %d: %v\n", i, err)
			continue
		}
		fmt.Printf("service %d: %v ...\n", i, table[:8])
	}
	// Output:
	// service 0: [0 1 0 0 1 1 1 1] ...
	// service 1: no backend has a weight above 0: 1 backends
}

// What would move if one of five backends left?
func ExampleDisruption() {
	backends := make([]maglev.Backend, 5)
	for i := range backends {
		backends[i] = maglev.Backend{Name: fmt.Sprintf("10.0.0.%d", i+1), Weight: 1}
	}
	assign := func(backends []maglev.Backend) maglev.Assignment {
		table, err := maglev.Build(1021, 1, backends)
		if err != nil {
			log.Fatal(err)
		}
		return maglev.Assignment{Table: table, Backends: backends}
	}
	moves, err := maglev.Disruption(assign(backends), assign(backends[:4]))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d slots move (%.1f %%), %d of them needlessly\n", moves.Moved, moves.Of, 100*moves.Share(), moves.Needless)
	for _, b := range moves.Backends {
		fmt.Printf("%s: %d slots, now %d: +%d -%d\n", b.Name, b.Before, b.After, b.Gained, b.Lost)
	}
	// Output:
	// 222 of 1021 slots move (21.7 %), 18 of them needlessly
	// 10.0.0.1: 205 slots, now 256: +53 -2
	// 10.0.0.2: 204 slots, now 255: +52 -1
	// 10.0.0.3: 204 slots, now 255: +60 -9
	// 10.0.0.4: 204 slots, now 255: +57 -6
	// 10.0.0.5: 204 slots, now 0: +0 -204
}
