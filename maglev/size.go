// SPDX-License-Identifier: Apache-2.0

package maglev

// DefaultSize is a table size that suits up to 160 backends.
const DefaultSize = 16381

// MaxSize is the largest size of a table, the largest prime below 2²⁴. A 32-bit
// hash would choose the slots of larger ones too unevenly.
const MaxSize = 1<<24 - 3

// Sizes returns the sizes to choose from, ascending: the largest primes below
// the powers of two from 2⁸ to 2¹⁷, which are those of Linux' IPVS too. Any other
// prime will do as well.
func Sizes() []int {
	return []int{251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071}
}

// SizeFor returns the smallest of [Sizes] that has 100 slots for each backend, or
// the largest if none has. The number of backends should be the largest that is
// expected, since another size moves most flows.
func SizeFor(backends int) int {
	sizes := Sizes()
	for _, size := range sizes {
		if backends <= size/100 {
			return size
		}
	}
	return sizes[len(sizes)-1]
}

// IsPrime reports whether n is prime, by trial division.
func IsPrime(n int) bool {
	if n < 4 || n%2 == 0 {
		return n == 2 || n == 3
	}
	for d := 3; d <= n/d; d += 2 {
		if n%d == 0 {
			return false
		}
	}
	return true
}

// nextPrime returns the smallest prime above n, which is below [MaxSize].
func nextPrime(n int) int {
	for n++; !IsPrime(n); n++ {
	}
	return n
}
