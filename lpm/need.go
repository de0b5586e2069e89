// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"iter"
	"net/netip"
	"slices"
)

// BlocksNeeded returns how many blocks a new table takes to hold the prefixes,
// those of the root included: [BlockWords] words of memory each. Invalid
// prefixes and repeated ones take none.
//
// An update that both adds and deletes can need more for a while, because what
// it frees goes into quarantine first.
func BlocksNeeded(prefixes iter.Seq[netip.Prefix]) int {
	var sorted []prefix
	for p := range prefixes {
		if p.IsValid() {
			p = p.Masked()
			sorted = append(sorted, newPrefix(p.Addr(), p.Bits()))
		}
	}
	slices.SortFunc(sorted, func(a, b prefix) int { return a.compare(&b) })
	need := counter{existing: func(*prefix) int { return 0 }}
	for i := range sorted {
		need.add(&sorted[i])
	}
	return RootBlocks + need.blocks
}

// counter counts the child blocks that prefixes need, each block once. It is
// enough to look at the prefix before: in the order of compare, those that go
// through a block come one after another, and before them those that end above.
type counter struct {
	existing func(*prefix) int // levels of a prefix that have a block already
	blocks   int
	last     prefix
}

func (c *counter) add(p *prefix) {
	counted := min(c.last.level(), c.last.sharedLevels(p))
	c.blocks += max(0, p.level()-max(counted, c.existing(p)))
	c.last = *p
}
