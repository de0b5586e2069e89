// SPDX-License-Identifier: Apache-2.0

package lpm

import "sync/atomic"

// path is the indexes in memory of the words that lead to a prefix, by level.
type path [maxLevel + 1]int

// descend walks towards the block that p ends in, and returns the level at
// which it found itself or a leaf.
func (t *Table) descend(p *prefix) (words path, level int) {
	words[0] = p.root()
	for level < p.level() && t.mem[words[level]]&Child != 0 {
		word := t.mem[words[level]]
		level++
		words[level] = wordOf(t.child(word), p.index(level))
	}
	return words, level
}

// levels is how many of the child blocks that p needs are there.
func (t *Table) levels(p *prefix) int {
	_, level := t.descend(p)
	return level
}

// settle makes p live in its block, and adds the blocks that lead to it.
func (t *Table) settle(p *prefix) {
	words, level := t.descend(p)
	for ; level < p.level(); level++ {
		if level > 0 {
			t.live[words[level]/BlockWords]++
		}
		words[level+1] = t.split(words[level]) + p.index(level+1)
	}
	if level > 0 {
		t.live[words[level]/BlockWords]++
	}
}

// split turns a leaf into a block that has it in all its words, which no reader
// can tell apart, and returns the index of the first of them.
func (t *Table) split(word int) int {
	block := t.blocks.take()
	first := int(block) * BlockWords
	old := leaf{t.mem[word], t.owner[word]}
	for i := first; i < first+BlockWords; i++ {
		t.store(i, old)
	}
	atomic.StoreUint32(&t.mem[word], Child|block)
	return first
}

// store writes a leaf.
func (t *Table) store(word int, l leaf) {
	atomic.StoreUint32(&t.mem[word], l.value)
	t.owner[word] = l.owner
}

// paint gives to all words of p that belong to no longer prefix what it says.
func (t *Table) paint(p *prefix, l leaf) {
	words, level := t.descend(p)
	t.paintWords(words[level], p.span(), p.bits+1, l)
}

// paintWords paints n words from the first on, and the blocks below them.
func (t *Table) paintWords(first, n int, limit uint8, l leaf) {
	for i := first; i < first+n; i++ {
		if word := t.mem[i]; word&Child != 0 {
			t.lengthen(i)
			t.paintWords(wordOf(t.child(word), 0), BlockWords, limit, l)
		} else if t.owner[i] <= limit {
			t.store(i, l)
		}
	}
}

// remove gives the words of p to the prefix that covers it, if any. Blocks in
// which nothing lives any more are unlinked, all by one store: nothing in them
// is written, so that a reader there still finds the values of before.
func (t *Table) remove(p *prefix) {
	words, level := t.descend(p)
	top := level + 1
	for top > 1 {
		block := uint32(words[top-1] / BlockWords)
		t.live[block]--
		if t.live[block] > 0 {
			break
		}
		t.blocks.retire(block)
		top--
	}
	if top > level {
		t.paintWords(words[level], p.span(), p.bits+1, t.parent(*p))
	} else {
		t.store(words[top-1], t.parent(*p))
	}
}

// parent is the leaf of the longest prefix that covers p.
func (t *Table) parent(p prefix) leaf {
	lengths := &t.lengths[p.family]
	for bits := int(p.bits) - 1; bits >= 0; bits-- {
		if lengths[bits] == 0 {
			continue
		}
		p.shorten(bits)
		if value, ok := t.prefixes[p]; ok {
			return leaf{value, uint8(bits) + 1}
		}
	}
	return leaf{}
}
