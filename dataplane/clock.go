// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"clearway/tracking"
)

// refreshAfter is the age at which programs write the time of a flow record
// anew: often enough that an idle flow is told from one that is not.
const refreshAfter = tracking.FlowIdle / 8

// sinceBoot is a clock that goes on while the machine sleeps, and that the next
// process has as well.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(fmt.Sprintf("reading the clock: %v", err)) // there since Linux 2.6.39
	}
	return time.Duration(ts.Nano())
}

func clockAt(now time.Duration) pipelineClock {
	return pipelineClock{Seconds: uint32(now / time.Second), Refresh: uint32(refreshAfter / time.Second)}
}

// writeClock tells the programs the time.
func (g *generation) writeClock(now time.Duration) error {
	return wrap("writing the clock", g.maps(".data.clock").Put(uint32(0), clockAt(now)))
}
