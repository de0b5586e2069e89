// SPDX-License-Identifier: Apache-2.0

package lpm_test

import (
	"errors"
	"fmt"
	"log"
	"net/netip"
	"slices"

	"clearway/lpm"
)

func Example() {
	prefixes := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("10.1.2.0/24"),
		netip.MustParsePrefix("2001:db8::/32"),
	}
	need := lpm.BlocksNeeded(slices.Values(prefixes))
	table, err := lpm.New(make([]uint32, need*lpm.BlockWords), nil) // or a mapped BPF array
	if err != nil {
		log.Fatal(err)
	}
	var changes []lpm.Change
	for i, p := range prefixes {
		changes = append(changes, lpm.Change{Prefix: p, Value: uint32(i + 1)})
	}
	if err := table.Update(changes); err != nil {
		log.Fatal(err)
	}
	for _, a := range []string{"10.9.9.9", "10.1.2.3", "192.0.2.1", "2001:db8::1"} {
		fmt.Println(a, table.Lookup(netip.MustParseAddr(a)))
	}

	// What does not fit changes nothing.
	err = table.Update([]lpm.Change{
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Delete: true},
		{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Value: 4},
	})
	var full *lpm.FullError
	fmt.Println(errors.As(err, &full), err)
	fmt.Println("10.9.9.9", table.Lookup(netip.MustParseAddr("10.9.9.9")))

	// Output:
	// 10.9.9.9 1
	// 10.1.2.3 2
	// 192.0.2.1 0
	// 2001:db8::1 3
	// true prefix table: full: 517 blocks of 1024 bytes needed, 515 there
	// 10.9.9.9 1
}

// What is in memory: the runs of equal words that aren't zero.
func Example_layout() {
	mem := make([]uint32, (lpm.RootBlocks+4)*lpm.BlockWords)
	table, err := lpm.New(mem, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := table.Update([]lpm.Change{
		{Prefix: netip.MustParsePrefix("10.0.0.0/14"), Value: 7},
		{Prefix: netip.MustParsePrefix("10.1.2.0/23"), Value: 8},
		{Prefix: netip.MustParsePrefix("10.1.2.3/32"), Value: 9},
		{Prefix: netip.MustParsePrefix("2001:db8::/31"), Value: 5},
	}); err != nil {
		log.Fatal(err)
	}
	for first := 0; first < len(mem); {
		end := first + 1
		for end < len(mem) && end%lpm.BlockWords != 0 && mem[end] == mem[first] {
			end++
		}
		block, word := first/lpm.BlockWords, first%lpm.BlockWords
		last := (end - 1) % lpm.BlockWords
		if w := mem[first]; w&lpm.Child != 0 {
			fmt.Printf("block %d words %d-%d: block %d\n", block, word, last, w&^lpm.Child)
		} else if w != 0 {
			fmt.Printf("block %d words %d-%d: value %d\n", block, word, last, w)
		}
		first = end
	}

	// Output:
	// block 10 words 0-0: value 7
	// block 10 words 1-1: block 512
	// block 10 words 2-3: value 7
	// block 288 words 1-1: block 514
	// block 512 words 0-1: value 7
	// block 512 words 2-2: block 513
	// block 512 words 3-3: value 8
	// block 512 words 4-255: value 7
	// block 513 words 0-2: value 8
	// block 513 words 3-3: value 9
	// block 513 words 4-255: value 8
	// block 514 words 13-13: block 515
	// block 515 words 184-185: value 5
}
