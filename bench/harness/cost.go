// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"slices"
)

// Cost is what one contender took for a packet, in nanoseconds of CPU time.
type Cost struct {
	Name   string
	Rounds Series
}

// Costs are those of all contenders, in the order of measuring.
type Costs []Cost

// Of is what the contender of that name took; it must be there.
func (c Costs) Of(name string) Series {
	return c[slices.IndexFunc(c, func(c Cost) bool { return c.Name == name })].Rounds
}

var costTitles = []string{"contender", "CPU time a packet", "spread", "packets a second"}

// cells are a cost's texts, as costTitles says.
func (c Cost) cells() []string {
	low, high := c.Rounds.Quartiles()
	return []string{
		c.Name,
		fmt.Sprintf("%.1f ns", c.Rounds.Median()),
		fmt.Sprintf("%.1f to %.1f ns", low, high),
		fmt.Sprintf("%.2f M/s", 1e3/c.Rounds.Median()),
	}
}
