// SPDX-License-Identifier: Apache-2.0

package xsktool

import "time"

// pace holds a sender to a rate.
type pace struct {
	rate  float64 // packets a second; 0: no bound
	start time.Time
}

// longestNap is how long a sender sleeps at a time, so that it sees when it is to
// end.
const longestNap = 10 * time.Millisecond

// allow returns how many packets may be sent, at most limit, where sent went
// before. If none may it sleeps for a while.
func (p *pace) allow(limit int, sent uint64) int {
	if p.rate == 0 {
		return limit
	}
	if p.start.IsZero() {
		p.start = time.Now()
	}
	due := time.Since(p.start).Seconds()*p.rate - float64(sent) + 1 // the first at once
	if due >= 1 {
		return int(min(due, float64(limit)))
	}
	time.Sleep(min(longestNap, time.Duration((1-due)/p.rate*float64(time.Second))))
	return 0
}
