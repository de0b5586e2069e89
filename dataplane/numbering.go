// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"maps"
	"slices"
)

// numbering gives things dense numbers that they keep for as long as they are
// there. It is a value: assign leaves it as it was.
type numbering[K comparable] map[K]uint32

// assign numbers what is wanted, from first to below limit. A number that has
// just become free is given to nobody yet, since packets may still carry it.
func (n numbering[K]) assign(wanted []K, first, limit int, name string) (numbering[K], error) {
	taken := make(map[uint32]bool, len(n))
	for _, number := range n {
		taken[number] = true
	}
	next := numbering[K]{}
	free := uint32(first)
	for _, k := range wanted {
		if _, done := next[k]; done {
			continue
		}
		number, ok := n[k]
		for !ok {
			if int(free) >= limit {
				return nil, &LimitError{Limit: name, Have: limit - first, Want: distinct(wanted)}
			}
			number, ok = free, !taken[free]
			free++
		}
		next[k] = number
	}
	return next, nil
}

// keep is assign for things that keep their number when they are gone.
func (n numbering[K]) keep(wanted []K, limit int, name string) (numbering[K], error) {
	return n.assign(slices.Concat(slices.Collect(maps.Keys(n)), wanted), 0, limit, name)
}

func distinct[K comparable](all []K) int {
	set := map[K]bool{}
	for _, k := range all {
		set[k] = true
	}
	return len(set)
}
