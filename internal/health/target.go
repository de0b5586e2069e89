// SPDX-License-Identifier: Apache-2.0

package health

import "time"

const (
	steady    = 5 * time.Minute // up for so long, a backend starts afresh
	mostTimes = 8               // Rise, for one that flaps
)

// target is a check and what has come of it. A check that changes gets a new
// target, so that a probe under way can tell that it is of yesterday.
type target struct {
	check   Check // never changed
	removed bool

	status   Status
	since    time.Time
	row      int  // results in a row that speak against status
	times    int  // Rise, to come up
	returned bool // it is up after having been down

	failure string // of the last probe
	took    time.Duration

	spread       bool  // its probes are out of step with those that were set with it
	probe, grace entry // in the Checker's queues probes and graces
}

// newTarget begins with what is known of the backend.
func newTarget(check Check, status Status, now time.Time) *target {
	t := &target{check: check, status: status, since: now, times: 1}
	t.probe.target, t.grace.target = t, t
	return t
}

// succeed returns the target of a check that takes the place of t's.
func (t *target) succeed(check Check) *target {
	n := newTarget(check, t.status, t.since)
	n.times, n.returned, n.failure, n.took = t.times, t.returned, t.failure, t.took
	return n
}

// take counts a result and says whether it changed the status.
func (t *target) take(ok bool, now time.Time) (changed bool) {
	if t.status != Unknown && ok == (t.status == Up) {
		t.row = 0
		return false
	}
	t.row++
	if t.row < t.needed() {
		return false
	}
	if ok {
		t.returned = t.status != Unknown
		t.become(Up, now)
		return true
	}
	if flaps := t.returned && now.Sub(t.since) < steady; flaps {
		t.times = min(2*t.times, mostTimes)
	} else {
		t.times = 1
	}
	t.become(Down, now)
	if t.check.Grace <= 0 {
		t.status = Gone
	}
	return true
}

func (t *target) become(s Status, now time.Time) {
	t.status, t.since, t.row = s, now, 0
}

// needed is how many results in a row change the status.
func (t *target) needed() int {
	switch t.status {
	case Unknown:
		return 1
	case Up:
		return t.check.Fall
	}
	return t.check.Rise * t.times
}

func (t *target) result() Result {
	r := Result{Status: t.status, Since: t.since, Error: t.failure, Took: t.took}
	if t.status != Up {
		r.Missing = t.needed() - t.row
	}
	return r
}
