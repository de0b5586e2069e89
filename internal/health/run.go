// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Run probes backends until ctx ends, which ends the probes under way too, and
// returns nil when they have. It is called once.
func (c *Checker) Run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-timer.C:
		}
		timer.Reset(c.doDue(ctx, &probes))
	}
}

// doDue does what is due and returns how long there is nothing more to do.
func (c *Checker) doDue(ctx context.Context, probes *sync.WaitGroup) time.Duration {
	now := time.Now()
	gone := c.endGraces(now)
	for _, t := range gone {
		c.report(t.check.Key, Down, Result{Status: Gone})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full = false
	for e := c.probes.due(now); e != nil; e = c.probes.due(now) {
		t := e.target
		if c.full = c.running+cost(t.check) > c.limit; c.full {
			break
		}
		c.running += cost(t.check)
		c.probes.remove(e)
		if late := now.Sub(e.at); late > t.check.Interval {
			c.warn(now, "health checks are late: too many are due at once or take too long; make intervals longer or timeouts shorter",
				"late", late, "waiting", len(c.probes.entries))
		}
		probes.Go(func() { c.run(ctx, t) })
	}
	wait := time.Hour // there will be a wake before that
	if e := c.graces.first(); e != nil {
		wait = min(wait, e.at.Sub(now))
	}
	if e := c.probes.first(); e != nil && !c.full {
		wait = min(wait, e.at.Sub(now))
	}
	return wait
}

// endGraces makes Gone what has been Down for its grace.
func (c *Checker) endGraces(now time.Time) (gone []*target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.graces.due(now); e != nil; e = c.graces.due(now) {
		e.target.status, e.target.since = Gone, now // successes so far still count
		c.flip(e.target)
		gone = append(gone, e.target)
	}
	return gone
}

// run makes one probe.
func (c *Checker) run(ctx context.Context, t *target) {
	started := time.Now()
	probe, cancel := context.WithTimeout(ctx, t.check.Timeout)
	defer cancel()
	err := c.probe(probe, t.check)
	if ctx.Err() != nil {
		return // the probe has been cut short, and nobody is left to be told
	}
	before, now := c.finish(t, err, started)
	if now.Status != before {
		c.report(t.check.Key, before, now)
	}
}

// finish takes the result of a probe and queues the next. It returns the status
// before and what is known now.
func (c *Checker) finish(t *target, err error, started time.Time) (before Status, r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.running -= cost(t.check)
	if c.full {
		signal(c.wake)
	}
	before = t.status
	if t.removed {
		return before, t.result()
	}
	t.failure, t.took = "", now.Sub(started)
	if err != nil {
		t.failure = err.Error()
	}
	if own := (*ownError)(nil); errors.As(err, &own) {
		c.warn(now, "a health check could not be made; the backend keeps its status",
			"service", t.check.Key.Service, "backend", t.check.Key.Address, "error", err)
	} else if t.take(err == nil, now) {
		c.flip(t)
	}
	if c.probes.set(&t.probe, started.Add(t.pause())) {
		signal(c.wake)
	}
	return before, t.result()
}

// pause is how long after the start of a probe the next one starts. What was set
// together is spread over the interval by the second probes.
func (t *target) pause() time.Duration {
	if !t.spread {
		t.spread = true
		return part(t.check.Interval, 0, 1)
	}
	return part(t.check.Interval, 0.9, 1.1)
}

// part is a random part of d, from low·d to high·d.
func part(d time.Duration, low, high float64) time.Duration {
	return time.Duration(float64(d) * (low + (high-low)*rand.Float64()))
}
