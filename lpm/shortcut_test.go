// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"bytes"
	"math/bits"
	"net/netip"
	"slices"
	"testing"
)

// checkShortcuts compares those that a walk over the whole table finds with the
// blocks that they lead past and, unless an update has just undone some, with
// those that the prefixes alone ask for.
func checkShortcuts(tb testing.TB, t *Table, want oracle) {
	tb.Helper()
	found := map[string]bool{}
	inUse := map[uint32]bool{}
	for first := range 1 << 16 {
		bytes := []byte{byte(first >> 8), byte(first)}
		collectShortcuts(tb, t, Root6*BlockWords+first, bytes, found, inUse)
	}
	if used, _ := t.Shortcuts(); used != len(found) || used != len(inUse) {
		tb.Fatalf("%d shortcuts used, %d found, %d of them different", used, len(found), len(inUse))
	}
	for _, number := range slices.Concat(t.taken.free, t.taken.quarantine) {
		if inUse[number] {
			tb.Fatalf("shortcut %d is free and in use", number)
		}
	}
	if len(t.stale) > 0 {
		return
	}
	due := want.shortcuts()
	for end := range found {
		if !slices.Contains(due, end) {
			tb.Fatalf("a shortcut leads to % x; %d others are due, of %v", end, len(due), want)
		}
	}
	if enough := len(t.records) >= t.blocks.total/LeastChain; enough && len(due) != len(found) {
		tb.Fatalf("%d shortcuts, but %d are due, of %v", len(found), len(due), want)
	}
}

// collectShortcuts looks at a word, which path leads to, and all below it.
func collectShortcuts(tb testing.TB, t *Table, word int, path []byte, found map[string]bool, inUse map[uint32]bool) {
	w := t.mem[word]
	if w&Child == 0 {
		return
	}
	if w&ByShortcut != 0 {
		number := w &^ (Child | ByShortcut)
		s := &t.records[number]
		checkShortcut(tb, t, path, s)
		address := s.address()
		found[string(address[:s.Next])] = true
		inUse[number] = true
	}
	for i := range BlockWords {
		collectShortcuts(tb, t, wordOf(t.child(w), i), append(path, byte(i)), found, inUse)
	}
}

// checkShortcut follows one block by block.
func checkShortcut(tb testing.TB, t *Table, path []byte, s *Shortcut) {
	tb.Helper()
	address := s.address()
	if len(path)+LeastChain > int(s.Next) || s.Next < LeastNext || !bytes.HasPrefix(address[:], path) ||
		bits.LeadingZeros64(^s.Mask) != 8*int(s.Next-8) || bits.OnesCount64(s.Mask) != 8*int(s.Next-8) {
		tb.Fatalf("shortcut at % x: %+v", path, s)
	}
	word := Child | s.Block
	for _, index := range address[len(path):s.Next] {
		block := t.child(word)
		for i, other := range t.mem[block*BlockWords:][:BlockWords] {
			if byte(i) != index && other != s.Outside {
				tb.Fatalf("shortcut at % x: %+v, but word %d of block %d is %#x", path, s, i, block, other)
			}
		}
		if word&ByShortcut != 0 {
			tb.Fatalf("shortcut at % x: %+v leads past another", path, s)
		}
		word = t.mem[wordOf(block, int(index))]
	}
	if word != s.Inside {
		tb.Fatalf("shortcut at % x: %+v, but the word at its end is %#x", path, s, word)
	}
}

// Shortcuts in quarantine are not used again before the next Reclaim, nor written.
// Two hosts have one each; when one host goes, the way to the other has a longer
// chain.
func TestShortcutQuarantine(t *testing.T) {
	w := newWorldWith(t, RootBlocks+40, 2)
	w.update(parse(t, "2001:db8::1/128=1 2001:db8:8000::1/128=2"))
	w.table.Reclaim()
	before := slices.Clone(w.table.records)
	if used, quarantined := w.table.Shortcuts(); used != 2 || quarantined != 0 {
		t.Fatalf("%d shortcuts used, %d in quarantine, want 2 and 0", used, quarantined)
	}
	w.update(parse(t, "-2001:db8:8000::1/128"))
	if !slices.Equal(before, w.table.records) {
		t.Error("an update wrote shortcuts")
	}
	w.table.Reclaim()
	kept := 0
	for i, s := range w.table.records {
		if s == before[i] {
			kept++
		}
	}
	if used, quarantined := w.table.Shortcuts(); used != 1 || quarantined != 1 || kept != 1 {
		t.Errorf("%d shortcuts used, %d in quarantine, %d unchanged, want 1 of each", used, quarantined, kept)
	}
	checkStructure(t, w.table, w.slow)
	w.check([]netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:8000::1")})
}

// shortcuts lists where the shortcuts of the prefixes lead to.
func (o oracle) shortcuts() (ends []string) {
	roots := map[string]oracle{}
	for p := range o {
		if a := p.Addr().As16(); p.Addr().Is6() && p.Bits() > 16 {
			root := string(a[:2])
			if roots[root] == nil {
				roots[root] = oracle{}
			}
			roots[root][p] = 0
		}
	}
	for root, below := range roots {
		for p := range o { // those around it
			if p.Addr().Is6() && p.Bits() <= 16 && covers(p, root) {
				below[p] = 0
			}
		}
		ends = below.shortcutsFrom(root, ends)
	}
	return ends
}

func (o oracle) shortcutsFrom(path string, ends []string) []string {
	end, blocks := path, 0
	for {
		next, lone := o.loneByte(end)
		if !lone || o.around(end) != o.around(path) {
			break
		}
		end += string([]byte{next})
		blocks++
	}
	if blocks >= LeastChain && len(end) >= LeastNext {
		if ends = append(ends, end); o.below(end) {
			ends = o.shortcutsFrom(end, ends)
		}
		return ends
	}
	for next := range 256 {
		if child := path + string([]byte{byte(next)}); o.below(child) {
			ends = o.shortcutsFrom(child, ends)
		}
	}
	return ends
}

// covers tells whether a prefix covers all addresses that start so.
func covers(p netip.Prefix, start string) bool {
	var a [16]byte
	copy(a[:], start)
	return p.Bits() <= 8*len(start) && p.Contains(netip.AddrFrom16(a))
}

// inside tells whether a prefix is a part of the addresses that start so.
func inside(p netip.Prefix, start string) bool {
	a := p.Addr().As16()
	return p.Bits() > 8*len(start) && string(a[:len(start)]) == start
}

// below tells whether the addresses that start so have a block.
func (o oracle) below(start string) bool {
	for p := range o {
		if inside(p, start) {
			return true
		}
	}
	return false
}

// around is the length of the longest prefix that covers such addresses.
func (o oracle) around(start string) int {
	longest := -1
	for p := range o {
		if covers(p, start) {
			longest = max(longest, p.Bits())
		}
	}
	return longest
}

// loneByte is the byte that all prefixes below go on with.
func (o oracle) loneByte(start string) (next byte, lone bool) {
	for p := range o {
		if !inside(p, start) {
			continue
		}
		a := p.Addr().As16()
		if p.Bits() < 8*len(start)+8 || lone && a[len(start)] != next {
			return 0, false
		}
		next, lone = a[len(start)], true
	}
	return next, lone
}
