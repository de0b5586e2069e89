// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// oracle is the table as one would first write it.
type oracle map[netip.Prefix]uint32

func (o oracle) update(changes []Change) {
	for _, c := range changes {
		if c.Delete {
			delete(o, c.Prefix)
		} else {
			o[c.Prefix] = c.Value
		}
	}
}

func (o oracle) lookup(a netip.Addr) (value uint32) {
	longest := -1
	for p, v := range o {
		if p.Contains(a) && p.Bits() > longest {
			longest, value = p.Bits(), v
		}
	}
	return value
}

func (o oracle) clone() oracle { return maps.Clone(o) }

// newRand returns a source of random numbers, and logs how to get the same again.
func newRand(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CLEARWAY_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CLEARWAY_SEED: %v", err)
		}
	}
	t.Logf("CLEARWAY_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// A universe makes addresses and prefixes that often meet: they differ in few
// bits, so that they nest, adjoin and repeat.
type universe struct {
	*rand.Rand
	value uint32 // last one given out: each is given once
}

var centres = []netip.Addr{
	netip.MustParseAddr("10.1.2.128"),
	netip.MustParseAddr("10.1.255.255"),
	netip.MustParseAddr("255.255.255.255"),
	netip.MustParseAddr("0.0.0.0"),
	netip.MustParseAddr("2001:db8:0:1::"),
	netip.MustParseAddr("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
	netip.MustParseAddr("::ffff:10.1.2.128"),
	netip.MustParseAddr("::"),
}

func (u *universe) address() netip.Addr {
	b := centres[u.IntN(len(centres))].AsSlice()
	for range u.IntN(3) {
		bit := u.IntN(8 * len(b))
		b[bit/8] ^= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (u *universe) prefix() netip.Prefix {
	a := u.address()
	bits := u.IntN(a.BitLen() + 1)
	switch u.IntN(6) {
	case 0, 1: // where strides end
		bits = bits / 8 * 8
	case 2: // hosts, to which chains lead
		bits = a.BitLen()
	}
	p, _ := a.Prefix(bits)
	return p
}

// batch makes n changes; half of them are to prefixes that are there.
func (u *universe) batch(n int, there oracle) []Change {
	old := make([]netip.Prefix, 0, len(there))
	for p := range there {
		old = append(old, p)
	}
	changes := make([]Change, n)
	for i := range changes {
		c := &changes[i]
		c.Prefix = u.prefix()
		if len(old) > 0 && u.IntN(2) == 0 {
			c.Prefix = old[u.IntN(len(old))]
		}
		if c.Delete = u.IntN(2) == 0; !c.Delete {
			u.value++
			c.Value = u.value
		}
	}
	return changes
}

// edges returns the addresses at which answers can change if p does.
func edges(p netip.Prefix) []netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	all := []netip.Addr{p.Addr(), last}
	for _, a := range []netip.Addr{p.Addr().Prev(), last.Next()} {
		if a.IsValid() {
			all = append(all, a)
		}
	}
	return all
}

// checkStructure compares what the table knows of its memory with what a walk
// over all of it finds.
func checkStructure(tb testing.TB, t *Table, want oracle) {
	tb.Helper()
	if t.Len() != len(want) {
		tb.Fatalf("Len %d, want %d", t.Len(), len(want))
	}
	reached := map[uint32]bool{}
	for block := range uint32(RootBlocks) {
		if err := t.checkBlock(block, reached); err != nil {
			tb.Fatal(err)
		}
	}
	used, quarantined, total := t.Blocks()
	if used != len(reached) {
		tb.Fatalf("%d blocks used, %d reached", used, len(reached))
	}
	if need := BlocksNeeded(maps.Keys(want)); used != need {
		tb.Fatalf("%d blocks used, %d needed", used, need)
	}
	if spare := len(t.blocks.free) + total - int(t.blocks.fresh); used+quarantined+spare != total {
		tb.Fatalf("%d blocks used, %d in quarantine, %d spare, of %d", used, quarantined, spare, total)
	}
	for _, block := range slices.Concat(t.blocks.free, t.blocks.quarantine) {
		if reached[block] {
			tb.Fatalf("block %d is free and in use", block)
		}
	}
	checkShortcuts(tb, t, want)
}

func (t *Table) checkBlock(block uint32, reached map[uint32]bool) error {
	if reached[block] {
		return fmt.Errorf("block %d is reached twice", block)
	}
	if int(block) >= t.blocks.total {
		return fmt.Errorf("block %d is outside the memory", block)
	}
	reached[block] = true
	for i, w := range t.mem[block*BlockWords:][:BlockWords] {
		if w&Child == 0 {
			continue
		}
		if child := t.child(w); child < RootBlocks {
			return fmt.Errorf("word %d of block %d points to the root", i, block)
		} else if err := t.checkBlock(child, reached); err != nil {
			return err
		}
	}
	return nil
}
