// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Change adds a prefix or gives it another value, or deletes it.
type Change struct {
	Prefix netip.Prefix // valid and masked
	Value  uint32       // at most [MaxValue]; 0 hides shorter prefixes; ignored by Delete
	Delete bool         // without effect if the prefix is not there
}

// ChangeError is a change that can't be made.
type ChangeError struct {
	Change  Change
	Problem string
}

func (e *ChangeError) Error() string {
	return fmt.Sprintf("prefix table: %v: %s", e.Change.Prefix, e.Problem)
}

// FullError is an update that does not fit.
type FullError struct {
	Needed int // blocks of memory that the update would take, those in quarantine included
	Have   int // blocks of memory
}

func (e *FullError) Error() string {
	return fmt.Sprintf("prefix table: full: %d blocks of %d bytes needed, %d there", e.Needed, BlockWords*4, e.Have)
}

// step is a change that has an effect.
type step struct {
	prefix
	delete bool
	added  bool // was not there before
	value  uint32
	order  int // position in the batch
}

// Update makes all changes, or none and returns a [ChangeError] or a
// [FullError]; then nothing was written at all. Of several changes to a prefix
// the last one counts.
//
// Blocks that the update frees are not used by it, but put into quarantine.
func (t *Table) Update(changes []Change) error {
	steps, err := t.plan(changes)
	if err != nil {
		return err
	}
	need := counter{existing: t.levels}
	for i := range steps {
		if steps[i].added {
			need.add(&steps[i].prefix)
		}
	}
	if need.blocks > t.blocks.available() {
		used, quarantined, total := t.Blocks()
		return &FullError{Needed: used + quarantined + need.blocks, Have: total}
	}
	t.apply(steps)
	return nil
}

// plan turns changes into steps in the order of compare, one a prefix.
func (t *Table) plan(changes []Change) ([]step, error) {
	steps := make([]step, 0, len(changes))
	for i := range changes {
		c := &changes[i]
		if problem := c.problem(); problem != "" {
			return nil, &ChangeError{Change: *c, Problem: problem}
		}
		p := newPrefix(c.Prefix.Addr(), c.Prefix.Bits())
		steps = append(steps, step{prefix: p, delete: c.Delete, value: c.Value, order: i})
	}
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(a.compare(&b.prefix), cmp.Compare(a.order, b.order))
	})
	n := 0
	for i := range steps {
		s := steps[i]
		if i+1 < len(steps) && steps[i+1].prefix == s.prefix {
			continue
		}
		value, there := t.prefixes[s.prefix]
		s.added = !s.delete && !there
		if s.added || there && (s.delete || value != s.value) {
			steps[n] = s
			n++
		}
	}
	return steps[:n], nil
}

func (c *Change) problem() string {
	switch {
	case !c.Prefix.IsValid():
		return "invalid prefix"
	case c.Prefix != c.Prefix.Masked():
		return fmt.Sprintf("host bits are set, want %v", c.Prefix.Masked())
	case !c.Delete && c.Value > MaxValue:
		return fmt.Sprintf("value %#x is larger than %#x", c.Value, uint32(MaxValue))
	}
	return ""
}

// apply makes the steps, for which there are blocks enough.
//
// First the shortcuts on the ways to all prefixes are undone, so that there are
// only blocks to change. Then the prefixes are put where they will be: blocks are
// added that read as the words did which they replace, and the map gets what it
// shall have in the end. Then the words are painted, longest prefix first. A word that belongs to
// no longer prefix by then never will, and what the map says about it is final,
// so a step writes final values only.
func (t *Table) apply(steps []step) {
	for i := range steps {
		t.lengthenWay(&steps[i].prefix)
	}
	for i := range steps {
		s := &steps[i]
		lengths := &t.lengths[s.family]
		switch {
		case s.delete:
			delete(t.prefixes, s.prefix)
			lengths[s.bits]--
		case s.added:
			t.settle(&s.prefix)
			lengths[s.bits]++
			fallthrough
		default:
			t.prefixes[s.prefix] = s.value
		}
	}
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(b.bits, a.bits), cmp.Compare(a.order, b.order))
	})
	for i := range steps {
		s := &steps[i]
		if s.delete {
			t.remove(&s.prefix)
		} else {
			t.paint(&s.prefix, leaf{s.value, s.bits + 1})
		}
	}
}
