// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"fmt"
)

// condition is how visitors are.
type condition struct {
	on     int     // they go on, or have left by themselves
	ended  int     // their server was killed
	broken []error // though their server lives
}

func (c condition) all() int { return c.on + c.ended + len(c.broken) }

// String says it in short. What follows from broken ones is said at the end, when
// all acts were played.
func (c condition) String() string {
	if c.all() == 0 {
		return "–"
	}
	text := fmt.Sprintf("%d go on, %d broke", c.on, len(c.broken))
	if c.ended > 0 {
		text += fmt.Sprintf(", %d ended with their server", c.ended)
	}
	return text
}

// conditionOf tells how they are.
func conditionOf(visitors []*visitor) (c condition) {
	for _, v := range visitors {
		switch {
		case !v.hasEnded() || v.err == nil:
			c.on++
		case v.orphaned:
			c.ended++
		default:
			c.broken = append(c.broken, fmt.Errorf("from %s to %s: %w", v.conn.LocalAddr(), cmp.Or(v.server, "a server that never answered"), v.err))
		}
	}
	return c
}
