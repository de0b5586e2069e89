// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"slices"
	"testing"

	"clearway/internal/testkit"
)

// TestAllocator: no number is given out twice, nor one that is taken; and what is
// refused is not there.
func TestAllocator(t *testing.T) {
	rng := testkit.Rand(t)
	for round := range 500 {
		limit := 1 + rng.IntN(60)
		used := map[uint32]bool{0: true}
		var taken []span
		for range rng.IntN(5) {
			s := span{uint32(rng.IntN(70)), uint32(rng.IntN(6))}
			taken = append(taken, s)
			for n := s.first; n < s.first+s.length; n++ {
				used[n] = true
			}
		}
		a := newAllocator(limit, slices.Values(taken))
		for range 30 {
			length := uint32(1 + rng.IntN(4))
			if free := countFree(used, limit); a.free != free {
				t.Fatalf("round %d: %d are free, it says %d", round, free, a.free)
			}
			first, ok := a.take(length)
			if ok != hasRun(used, limit, length) {
				t.Fatalf("round %d: a run of %d below %d: %t, beside %v", round, length, limit, ok, used)
			}
			if !ok {
				continue
			}
			for n := first; n < first+length; n++ {
				if used[n] || int(n) >= limit {
					t.Fatalf("round %d: gave out %d, which is taken or beyond %d: %v", round, n, limit, used)
				}
				used[n] = true
			}
		}
	}
}

func countFree(used map[uint32]bool, limit int) (free int) {
	for n := range uint32(limit) {
		if !used[n] {
			free++
		}
	}
	return free
}

func hasRun(used map[uint32]bool, limit int, length uint32) bool {
	for first := range uint32(limit) {
		fits := int(first+length) <= limit
		for n := first; n < first+length; n++ {
			fits = fits && !used[n]
		}
		if fits {
			return true
		}
	}
	return false
}
