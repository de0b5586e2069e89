// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"slices"
	"testing"

	"clearway/internal/testkit"
)

func sharesOf(table Table, backends int) []int {
	shares := make([]int, backends)
	for _, owner := range table {
		shares[owner]++
	}
	return shares
}

// TestEqualShares: by taking turns, nobody gets more than one slot more than
// another (section 3.4).
func TestEqualShares(t *testing.T) {
	rng := testkit.Rand(t)
	for range 100 {
		size := nextPrime(rng.IntN(3000))
		n := 1 + rng.IntN(min(size, 300))
		shares := sharesOf(mustBuild(t, size, rng.Uint64(), backendsOf(n, nil)), n)
		if least, most := slices.Min(shares), slices.Max(shares); most-least > 1 {
			t.Fatalf("size %d, %d backends: %d to %d slots", size, n, least, most)
		}
	}
}

// TestShares holds random weights to the bounds that the package promises:
// (M-N)·w/W - 1 < share < M·w/W + 2.
func TestShares(t *testing.T) {
	rng := testkit.Rand(t)
	for range 200 {
		size := nextPrime(rng.IntN(5000))
		backends := randomBackends(rng, 1+rng.IntN(min(size, 300)))
		var sum float64
		weighted := 0
		for _, b := range backends {
			sum += float64(b.Weight)
			if b.Weight > 0 {
				weighted++
			}
		}
		shares := sharesOf(mustBuild(t, size, rng.Uint64(), backends), len(backends))
		for i, b := range backends {
			part := float64(b.Weight) / sum
			low, high := float64(size-weighted)*part-1, float64(size)*part+2
			share := float64(shares[i])
			if b.Weight > 0 != (share > 0) {
				t.Fatalf("size %d, %+v: backend %d has %v slots", size, backends, i, share)
			}
			if share <= low || share >= high {
				t.Fatalf("size %d, %+v: backend %d has %v slots, not between %v and %v", size, backends, i, share, low, high)
			}
		}
	}
}

// TestSizeForKeepsShares: the size that SizeFor recommends keeps all shares to
// 1 % and two slots.
func TestSizeForKeepsShares(t *testing.T) {
	for _, n := range []int{1, 2, 7, 40, 163} {
		size := SizeFor(n)
		backends := backendsOf(n, func(i int) uint32 { return uint32(1 + i%5) })
		sum := 0
		for _, b := range backends {
			sum += int(b.Weight)
		}
		for i, share := range sharesOf(mustBuild(t, size, 3, backends), n) {
			due := float64(size) * float64(backends[i].Weight) / float64(sum)
			if off := float64(share) - due; off > 2 || off < -1-0.01*due {
				t.Errorf("%d backends, size %d: backend %d has %d slots, %.1f are due", n, size, i, share, due)
			}
		}
	}
}
