// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"math/big"
	"slices"
	"testing"
)

func TestIsPrime(t *testing.T) {
	composite := make([]bool, 20000) // the sieve of Eratosthenes
	for n := 2; n < len(composite); n++ {
		for m := 2 * n; m < len(composite); m += n {
			composite[m] = true
		}
		if got := IsPrime(n); got == composite[n] {
			t.Errorf("IsPrime(%d) = %v", n, got)
		}
	}
	for _, n := range []int{-3, -2, -1, 0, 1, 46337 * 46337, 46327 * 46337} {
		if IsPrime(n) {
			t.Errorf("IsPrime(%d)", n)
		}
	}
}

// TestSizes: each size is the largest prime below a power of two, and so is the
// limit.
func TestSizes(t *testing.T) {
	var want []int
	for bits := 8; bits <= 17; bits++ {
		want = append(want, largestPrimeBelow(1<<bits))
	}
	if got := Sizes(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if want := largestPrimeBelow(1 << 24); MaxSize != want {
		t.Errorf("MaxSize is %d, want %d", MaxSize, want)
	}
	if !slices.Contains(Sizes(), DefaultSize) {
		t.Errorf("the default, %d, is none of the sizes", DefaultSize)
	}
}

func largestPrimeBelow(n int) int {
	for n--; !big.NewInt(int64(n)).ProbablyPrime(20); n-- {
	}
	return n
}

func TestSizeFor(t *testing.T) {
	for _, row := range []struct{ backends, size int }{
		{-1, 251}, {0, 251}, {1, 251}, {2, 251}, {3, 509}, {5, 509}, {6, 1021}, {10, 1021}, {11, 2039},
		{163, 16381}, {164, 32749}, {655, 65521}, {656, 131071}, {1310, 131071}, {1311, 131071}, {MaxBackends, 131071},
	} {
		if got := SizeFor(row.backends); got != row.size {
			t.Errorf("SizeFor(%d) = %d, want %d", row.backends, got, row.size)
		}
	}
}
