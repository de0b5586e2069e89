// SPDX-License-Identifier: Apache-2.0

package dataplane

import "iter"

// span is a run of numbers.
type span struct{ first, length uint32 }

// allocator gives out numbers, and runs of them, from 1 to below a limit. Those
// that a former registry or the coming one holds are taken.
type allocator struct {
	taken []bool
	next  int // where it looks first: all before is taken, or was too small
	free  int
}

func newAllocator(limit int, taken ...iter.Seq[span]) *allocator {
	a := &allocator{taken: make([]bool, limit), next: 1, free: limit - 1}
	for _, spans := range taken {
		for s := range spans {
			for n := s.first; n < s.first+s.length && int(n) < limit; n++ {
				if !a.taken[n] && n > 0 {
					a.free--
				}
				a.taken[n] = true
			}
		}
	}
	return a
}

// take finds a run of free numbers.
func (a *allocator) take(length uint32) (first uint32, ok bool) {
	if first, ok = a.find(a.next, length); !ok {
		first, ok = a.find(1, length)
	}
	if !ok {
		return 0, false
	}
	for n := first; n < first+length; n++ {
		a.taken[n] = true
	}
	a.next = int(first + length)
	a.free -= int(length)
	return first, true
}

func (a *allocator) find(from int, length uint32) (first uint32, ok bool) {
	run := uint32(0)
	for n := from; n < len(a.taken); n++ {
		if a.taken[n] {
			run = 0
			continue
		}
		if run++; run >= length {
			return uint32(n) + 1 - length, true
		}
	}
	return 0, false
}

// ids and counters are the numbers that services hold in maps that generations
// share: those of services gone too, as long as flow records may name them.
func (g *registry) ids(yield func(uint32) bool) {
	for id := range g.retired {
		if !yield(id) {
			return
		}
	}
	for _, r := range g.services {
		if !yield(r.record.Id) {
			return
		}
	}
}

func (g *registry) counters(yield func(uint32) bool) {
	for _, r := range g.services {
		for _, m := range r.members {
			if m.record.Counter != 0 && !yield(m.record.Counter) {
				return
			}
		}
	}
}

// oneEach makes a span of each number.
func oneEach(numbers iter.Seq[uint32]) iter.Seq[span] {
	return func(yield func(span) bool) {
		for n := range numbers {
			if !yield(span{n, 1}) {
				return
			}
		}
	}
}

// regionSpans are the runs of the map of backends that services hold.
func (g *registry) regionSpans(yield func(span) bool) {
	for _, r := range g.services {
		if !yield(span{r.record.First + 1, r.note.Capacity}) {
			return
		}
	}
}
