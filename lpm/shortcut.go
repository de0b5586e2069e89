// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"encoding/binary"
	"sync/atomic"
)

// What makes a shortcut worthwhile. No way has more than one, which ends so near
// to the end of the address that another would be too short.
const (
	LeastChain = 5  // blocks that it leads past
	LeastNext  = 12 // byte of the address that goes on after it
)

// Shortcut is a step past a chain of child blocks, laid out as struct
// prefix_shortcut in bpf/abi.h: all addresses but those that agree with it
// find the same leaf in each block of the chain.
type Shortcut struct {
	First   uint64 // half of the address, as a number
	Last    uint64 // the other one, up to byte Next
	Mask    uint64 // its bits up to there
	Inside  uint32 // the word at the end of the chain, for addresses that agree
	Outside uint32 // the leaf of all others
	Next    uint32 // byte of the address that goes on where Inside leads
	Block   uint32 // the chain's first, for those who walk it all the same
}

// take returns the word that a shortcut leads to, and at which level to go on.
func (s *Shortcut) take(p *prefix) (word uint32, level int) {
	first, last := p.halves()
	if first == s.First && last&s.Mask == s.Last {
		return s.Inside, int(s.Next) - 1
	}
	return s.Outside, 0
}

// address is the one that a shortcut is for, zeros where it may be any.
func (s *Shortcut) address() (a [16]byte) {
	binary.BigEndian.PutUint64(a[:8], s.First)
	binary.BigEndian.PutUint64(a[8:], s.Last)
	return a
}

// child is the block that a word leads to, be it at the end of the next step or
// the first that a shortcut leads past.
func (t *Table) child(word uint32) uint32 {
	if word&ByShortcut != 0 {
		return t.records[word&^(Child|ByShortcut)].Block
	}
	return word &^ Child
}

// lengthen undoes the shortcut that begins at a word, if any.
func (t *Table) lengthen(word int) {
	w := t.mem[word]
	if w&Child == 0 || w&ByShortcut == 0 {
		return
	}
	number := w &^ (Child | ByShortcut)
	t.taken.retire(number)
	t.stale = append(t.stale, t.records[number].address())
	atomic.StoreUint32(&t.mem[word], Child|t.records[number].Block)
}

// lengthenWay undoes the shortcut on the way to the block that p ends in.
func (t *Table) lengthenWay(p *prefix) {
	if p.family == 0 || len(t.records) == 0 {
		return
	}
	t.stale = append(t.stale, p.address)
	words, level := t.descend(p)
	for _, word := range words[:level] {
		t.lengthen(word)
	}
}

// shortenStale makes the shortcuts that may be missing.
func (t *Table) shortenStale() {
	for n := len(t.stale); n > 0; n = len(t.stale) {
		way := prefix{address: t.stale[n-1], family: 1}
		t.stale = t.stale[:n-1]
		t.shorten(&way)
	}
}

// shorten makes the shortcut on a way, if there is to be one. A chain begins where
// none from above goes on, so that shortcuts don't depend on the order of updates.
func (t *Table) shorten(way *prefix) {
	word := way.root()
	for level := 0; t.mem[word]&Child != 0 && t.mem[word]&ByShortcut == 0; level++ {
		c := t.chain(word, level, way.address)
		if c.blocks >= LeastChain && c.next() >= LeastNext {
			t.link(word, &c)
			return
		}
		word = wordOf(t.child(t.mem[word]), way.index(level+1))
	}
}

// chain is a way past blocks each of which has one word that differs from what
// holds around them.
type chain struct {
	address [16]byte // of the words, those before the chain included
	blocks  int
	end     int // the word that differs in the last block
	level   int // of that block
	around  leaf
}

// chain follows the one that begins at a word, and undoes a shortcut that begins
// inside it.
func (t *Table) chain(word, level int, address [16]byte) chain {
	c := chain{address: address, end: word, level: level}
	for t.mem[c.end]&Child != 0 {
		lone, around, ok := t.lone(t.child(t.mem[c.end]), c.level+1)
		if !ok || c.blocks > 0 && around != c.around {
			break
		}
		if c.blocks > 0 {
			t.lengthen(c.end)
		}
		c.blocks++
		c.level++
		c.end, c.around = lone, around
		c.address[c.level+1] = byte(lone % BlockWords)
	}
	return c
}

// lone finds the only word of a block that is not a leaf of the prefix around
// the block, and that leaf.
func (t *Table) lone(block uint32, level int) (word int, around leaf, ok bool) {
	if t.live[block] > 2 { // a child and the prefix of its word
		return 0, leaf{}, false
	}
	first, longest := wordOf(block, 0), uint8(8*level+8)+1
	for i := first; i < first+BlockWords; i++ {
		if t.mem[i]&Child == 0 && t.owner[i] <= longest {
			continue
		}
		if ok {
			return 0, leaf{}, false
		}
		word, ok = i, true
	}
	other := word ^ 1
	return word, leaf{t.mem[other], t.owner[other]}, ok
}

// next is the byte that goes on after a chain.
func (c *chain) next() int { return c.level + 2 }

// link makes a shortcut past a chain, if there is memory for one.
func (t *Table) link(word int, c *chain) {
	if t.taken.available() == 0 {
		return
	}
	number := t.taken.take()
	end := prefix{address: c.address}
	first, last := end.halves()
	mask := ^uint64(0) << (8 * (16 - c.next()))
	t.records[number] = Shortcut{First: first, Last: last & mask, Mask: mask, Inside: t.mem[c.end],
		Outside: c.around.value, Next: uint32(c.next()), Block: t.child(t.mem[word])}
	atomic.StoreUint32(&t.mem[word], Child|ByShortcut|number)
}
