// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"fmt"
	"slices"
	"strings"
)

// Builder builds tables and keeps the memory that it needs for that, so that
// many tables can be built without garbage. The zero value is ready. What it
// built before has no influence on a table. It is not safe for concurrent use.
type Builder struct {
	byName []uint16 // indices of all backends, in the order of their names
	lists  []list   // of those that have a weight, in the same order
	turns  []uint16 // index in lists of who has turn 0, 1, 2, ...
	rounds []uint32 // for each round, see schedule
	taken  []uint64 // a bit for each slot
}

// list is what a backend still prefers of the table.
type list struct {
	slot    uint32 // its current one
	skip    uint32 // from there to the next one
	weight  uint32
	backend uint16
}

// Build fills dst, whose length is the size of the table, for the backends. It
// keeps neither. On an error, one of those listed at [ErrNotPrime], dst is as it
// was.
func (b *Builder) Build(dst Table, seed uint64, backends []Backend) error {
	if err := check(len(dst), backends); err != nil {
		return err
	}
	if err := b.sort(backends); err != nil {
		return err
	}
	b.draw(uint32(len(dst)), seed, backends)
	b.schedule(len(dst))
	b.fill(dst)
	return nil
}

// check tells whether there is a table of the size for the backends, but for
// duplicates, which only show when they are sorted.
func check(size int, backends []Backend) error {
	weighted := 0
	for _, backend := range backends {
		if backend.Weight > 0 {
			weighted++
		}
	}
	switch {
	case size > MaxSize:
		return fmt.Errorf("%w: %d slots, %d are possible", ErrTooLarge, size, MaxSize)
	case !IsPrime(size):
		return fmt.Errorf("%w: %d slots, the next prime is %d", ErrNotPrime, size, nextPrime(size))
	case len(backends) > MaxBackends:
		return fmt.Errorf("%w: %d, %d are possible", ErrTooManyBackends, len(backends), MaxBackends)
	case weighted == 0:
		return fmt.Errorf("%w above 0: %d backends", ErrNoBackend, len(backends))
	case weighted > size:
		return fmt.Errorf("%w: %d slots, %d backends with a weight", ErrTooSmall, size, weighted)
	}
	return nil
}

// sort brings the backends in an order that is the same however they are given.
func (b *Builder) sort(backends []Backend) error {
	b.byName = b.byName[:0]
	for i := range backends {
		b.byName = append(b.byName, uint16(i))
	}
	slices.SortFunc(b.byName, func(i, j uint16) int {
		return strings.Compare(backends[i].Name, backends[j].Name)
	})
	for k := 1; k < len(b.byName); k++ {
		i, j := b.byName[k-1], b.byName[k]
		if backends[i].Name == backends[j].Name {
			return fmt.Errorf("%w: %q, at index %d and %d", ErrDuplicate, backends[i].Name, min(i, j), max(i, j))
		}
	}
	return nil
}

// draw starts the lists of the backends that have a weight.
func (b *Builder) draw(size uint32, seed uint64, backends []Backend) {
	b.lists = b.lists[:0]
	for _, i := range b.byName {
		name, weight := backends[i].Name, backends[i].Weight
		if weight == 0 {
			continue
		}
		b.lists = append(b.lists, list{
			slot:    uint32(sipHash(seed, 1, name) % uint64(size)),
			skip:    uint32(sipHash(seed, 2, name)%uint64(size-1) + 1),
			weight:  weight,
			backend: i,
		})
	}
}

// fill lets the backends take the slots, turn by turn.
func (b *Builder) fill(dst Table) {
	size := uint32(len(dst))
	b.taken = zeroed(b.taken, (len(dst)+63)/64)
	taken := b.taken
	for _, i := range b.turns {
		l := &b.lists[i]
		slot, skip := l.slot, l.skip
		for taken[slot/64]&(1<<(slot%64)) != 0 {
			slot += skip
			if slot >= size {
				slot -= size
			}
		}
		taken[slot/64] |= 1 << (slot % 64)
		dst[slot] = l.backend
		l.slot = slot
	}
}

// zeroed returns n zeros, in the memory of s if it is large enough.
func zeroed[E uint16 | uint32 | uint64](s []E, n int) []E {
	if n > cap(s) {
		return make([]E, n)
	}
	s = s[:n]
	clear(s)
	return s
}
