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
		entries := composeAll(classes, &ruleLists{})
		for range 200 {
			a := randomAddr(rng)
			if got, want := longestEntry(entries, a), obviousClass(classes, a); got != uint32(want) {
				t.Fatalf("round %d: %v is %06b, want %06b, of %v", round, a, got, want, classes)
			}
		}
		checkNoneRepeats(t, entries)
	}
}

func composeAll(classes map[netip.Prefix]Class, rules *ruleLists) composition {
	c := composition{}
	c.apply(c.compose(known{classes: classes, rules: rules}, nil))
	return c
}

// TestComposeByDifference goes from one random set to another: what is composed
// of the changes alone is what is composed of everything, and there is a way back.
func TestComposeByDifference(t *testing.T) {
	rng := testkit.Rand(t)
	for round := range 100 {
		rules := mustRules(t, randomRules(rng, rng.IntN(6)))
		classes := randomClasses(rng, rng.IntN(40))
		have := composeAll(classes, rules)
		for step := range 50 {
			next := randomChange(rng, classes)
			changed := changedPrefixes(classes, next)
			if rng.IntN(4) == 0 {
				rules, changed = mustRules(t, randomRules(rng, rng.IntN(6))), nil
			}
			e := have.compose(known{classes: next, rules: rules}, changed)
			before := maps.Clone(have)
			have.apply(e)
			if want := composeAll(next, rules); !maps.Equal(have, want) {
				t.Fatalf("round %d, step %d: %v by %+v, want %v", round, step, have, e, want)
			}
			back := maps.Clone(have)
			back.apply(edits{forth: e.back})
			if !maps.Equal(back, before) {
				t.Fatalf("round %d, step %d: back at %v, it was %v", round, step, back, before)
			}
			classes = next
		}
	}
}

// TestNothingIsComposedWithoutAChange: an entry that composing everything would
// take out stays where nothing has changed.
func TestNothingIsComposedWithoutAChange(t *testing.T) {
	s := State{Limits: Limits{}.withDefaults(), Classes: randomClasses(testkit.Rand(t), 40)}
	s.Services = []Service{aService("web", "203.0.113.10", []uint16{80}, "10.2.0.11")}
	size := wantedSizes(s, sizes{}, &registry{})
	im, err := newImage(s, &image{}, size, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	im = im.settle()
	odd := netip.MustParsePrefix("198.51.100.77/32")
	im.prefixes[odd] = 1 << 30
	for _, row := range []struct {
		changed []netip.Prefix
		edits   int
	}{{[]netip.Prefix{}, 0}, {nil, 1}} {
		next, err := newImage(s, im, size, 0, row.changed)
		if err != nil {
			t.Fatal(err)
		}
		if len(next.edits.forth) != row.edits {
			t.Errorf("changed are %#v: edits %v, want %d", row.changed, next.edits.forth, row.edits)
		}
	}
}

func mustRules(t *testing.T, rules []MSSRule) *ruleLists {
	t.Helper()
	lists, err := newRuleLists(rules, 0)
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

// randomChange adds, changes and takes out some prefixes.
func randomChange(rng *rand.Rand, classes map[netip.Prefix]Class) map[netip.Prefix]Class {
	next := maps.Clone(classes)
	for p := range classes {
		if rng.IntN(8) == 0 {
			delete(next, p)
		}
	}
	maps.Copy(next, randomClasses(rng, rng.IntN(4)))
	return next
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
func longestEntry(entries composition, a netip.Addr) (word uint32) {
	longest := -1
	for p, w := range entries {
		if p.Contains(a) && p.Bits() > longest {
			longest, word = p.Bits(), w
		}
	}
	return word
}

// checkNoneRepeats: an entry that says what the one around it says wastes blocks.
func checkNoneRepeats(t *testing.T, entries composition) {
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
