// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"

	"clearway/internal/testkit"
)

func TestComposedClassIsTheUnionOfAllPrefixesAround(t *testing.T) {
	rng := testkit.Rand(t)
	for round := range 300 {
		classes := randomClasses(rng, rng.IntN(40))
		entries := compose(classes, newRuleLists(nil, 0))
		for range 200 {
			a := randomAddr(rng)
			if got, want := longestEntry(entries, a), obviousClass(classes, a); got != uint32(want) {
				t.Fatalf("round %d: %v is %06b, want %06b, of %v", round, a, got, want, classes)
			}
		}
		checkNoneRepeats(t, entries)
	}
}

// obviousClass asks every prefix.
func obviousClass(classes map[netip.Prefix]Class, a netip.Addr) Class {
	var union Class
	longest := -1
	exception := false
	for p, c := range classes {
		if !p.Contains(a) {
			continue
		}
		union |= c
		if c&(Exception|NoException) != 0 && p.Bits() > longest {
			longest, exception = p.Bits(), c&Exception != 0
		}
	}
	union &^= Exception | NoException
	if exception {
		union |= Exception
	}
	return union
}

// longestEntry is what the prefix table answers.
func longestEntry(entries map[netip.Prefix]uint32, a netip.Addr) (word uint32) {
	longest := -1
	for p, w := range entries {
		if p.Contains(a) && p.Bits() > longest {
			longest, word = p.Bits(), w
		}
	}
	return word
}

// checkNoneRepeats: an entry that says what the one around it says wastes blocks.
func checkNoneRepeats(t *testing.T, entries map[netip.Prefix]uint32) {
	t.Helper()
	for p, word := range entries {
		rest := maps.Clone(entries)
		delete(rest, p)
		maps.DeleteFunc(rest, func(o netip.Prefix, _ uint32) bool { return o.Bits() > p.Bits() })
		if longestEntry(rest, p.Addr()) == word {
			t.Fatalf("%v: %#x says nothing new", p, word)
		}
	}
}

// randomClasses puts prefixes close to each other, so that many of them nest.
func randomClasses(rng *rand.Rand, n int) map[netip.Prefix]Class {
	classes := map[netip.Prefix]Class{}
	for range n {
		c := Class(rng.UintN(uint(Exception)))
		c &= Class(rng.UintN(uint(Exception))) // few bits
		switch rng.IntN(6) {
		case 0:
			c |= Exception
		case 1:
			c |= NoException
		}
		classes[randomPrefix(rng)] = c
	}
	return classes
}

func randomPrefix(rng *rand.Rand) netip.Prefix {
	a := randomAddr(rng)
	p, err := a.Prefix(rng.IntN(a.BitLen() + 1))
	if err != nil {
		panic(err)
	}
	return p
}

// randomAddr is one of few: each byte has one bit that varies.
func randomAddr(rng *rand.Rand) netip.Addr {
	vary := func(b []byte) {
		for i := range b {
			b[i] ^= byte(rng.UintN(2)) << (i % 8)
		}
	}
	switch rng.IntN(5) {
	case 0, 1:
		a := [4]byte{192, 0, 2, 0}
		vary(a[:])
		return netip.AddrFrom4(a)
	case 2:
		a := netip.MustParseAddr("::ffff:192.0.2.0").As16()
		vary(a[12:])
		return netip.AddrFrom16(a)
	default:
		a := netip.MustParseAddr("2001:db8::").As16()
		vary(a[:])
		return netip.AddrFrom16(a)
	}
}
