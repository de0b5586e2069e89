// SPDX-License-Identifier: Apache-2.0

package harness

import "slices"

// Series holds one figure a round. Figures of the same round were measured
// within a second or two of each other, so they are combined round by round:
// the machine's speed changes over minutes, and takes both along.
type Series []float64

// combine makes the series of f over the rounds of a and b, which are equally
// long.
func combine(a, b Series, f func(a, b float64) float64) Series {
	out := make(Series, len(a))
	for i := range a {
		out[i] = f(a[i], b[i])
	}
	return out
}

// Minus are the differences to the figures of the same rounds.
func (s Series) Minus(b Series) Series {
	return combine(s, b, func(a, b float64) float64 { return a - b })
}

// Over are the ratios to the figures of the same rounds.
func (s Series) Over(b Series) Series {
	return combine(s, b, func(a, b float64) float64 { return a / b })
}

// Median is the middle figure, or the mean of the two in the middle.
func (s Series) Median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Quartiles are the figures that a quarter of the rounds stay below and above.
func (s Series) Quartiles() (low, high float64) {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[(len(sorted)-1)/4], sorted[len(sorted)-1-(len(sorted)-1)/4]
}
