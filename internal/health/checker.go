// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// Checker checks backends. Its methods may be called from any goroutine, before,
// while and after Run.
type Checker struct {
	log     *slog.Logger
	probe   func(context.Context, Check) error
	limit   int           // of running
	changes chan struct{} // buffer of one
	wake    chan struct{} // for Run: there is something to do earlier; buffer of one

	mu      sync.Mutex
	targets map[Key]*target
	probes  queue // of targets with no probe under way: when to send the next
	graces  queue // of targets that are Down: when they will be Gone
	running int   // costs of the probes under way
	full    bool  // a probe that is due waits for others to end
	view    View
	stale   bool                 // view has other keys than targets
	flipped map[Key]bool         // whose status in view is of yesterday
	told    map[string]time.Time // when a message was logged by warn
}

// New returns a Checker of nothing. It logs what becomes of backends.
func New(log *slog.Logger) *Checker {
	return &Checker{
		log:     log,
		probe:   prober{dial: dial}.probe,
		limit:   probesAtOnce(),
		changes: make(chan struct{}, 1),
		wake:    make(chan struct{}, 1),
		view:    View{},
		flipped: map[Key]bool{},
		told:    map[string]time.Time{},
	}
}

// Set replaces the checks. One that was there before goes on undisturbed; one
// that changed keeps the backend's status but starts counting anew; a backend
// that is new has the status it has in known, which is what a former process
// knew, or Unknown. Of several checks of one key the first counts.
//
// An unknown backend is probed at once. A known one is probed soon, and one
// failure doesn't take it down: a restart changes nothing. What Set changes in
// the View is not announced by Changes.
func (c *Checker) Set(checks []Check, known View) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	old := c.targets
	c.targets = make(map[Key]*target, len(checks))
	for _, check := range checks {
		if c.targets[check.Key] != nil {
			continue
		}
		t := old[check.Key]
		delete(old, check.Key)
		switch {
		case t == nil:
			t = newTarget(check, known[check.Key], now)
			c.stale = true
			c.schedule(t, now)
		case t.check != check:
			c.remove(t)
			t = t.succeed(check)
			c.schedule(t, now)
		}
		c.targets[check.Key] = t
	}
	for _, t := range old {
		c.remove(t)
		c.stale = true
	}
	signal(c.wake)
}

// soon is how long the first probe of a backend that is known waits at most.
const soon = 5 * time.Second

// schedule queues a new target; with mu held.
func (c *Checker) schedule(t *target, now time.Time) {
	if t.status != Unknown {
		now = now.Add(part(min(soon, t.check.Interval), 0, 1))
	}
	c.probes.set(&t.probe, now)
	c.scheduleGrace(t)
}

// scheduleGrace queues the end of the grace of a target that is in it, and takes
// out that of another; with mu held.
func (c *Checker) scheduleGrace(t *target) {
	if t.status == Down {
		c.graces.set(&t.grace, t.since.Add(t.check.Grace))
	} else {
		c.graces.remove(&t.grace)
	}
}

// remove forgets a target; with mu held. A probe under way goes on to its end,
// and then finds out.
func (c *Checker) remove(t *target) {
	t.removed = true
	c.probes.remove(&t.probe)
	c.graces.remove(&t.grace)
}

// View returns the status of all backends now. As long as none changes, that
// costs nothing; after a few changes it costs little more than a copy.
func (c *Checker) View() View {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stale:
		c.view = make(View, len(c.targets))
		for key, t := range c.targets {
			c.view[key] = t.status
		}
	case len(c.flipped) > 0:
		c.view = maps.Clone(c.view)
		for key := range c.flipped {
			c.view[key] = c.targets[key].status
		}
	}
	c.stale = false
	clear(c.flipped)
	return c.view
}

// flip tells that the status of a target has changed; with mu held.
func (c *Checker) flip(t *target) {
	c.scheduleGrace(t)
	c.flipped[t.check.Key] = true
	signal(c.changes)
}

// Changes tells that the View has changed: one receive may stand for many
// changes. The channel is never closed.
func (c *Checker) Changes() <-chan struct{} { return c.changes }

// Last returns what is known of each backend.
func (c *Checker) Last() map[Key]Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[Key]Result, len(c.targets))
	for key, t := range c.targets {
		all[key] = t.result()
	}
	return all
}

// signal makes sure that a receive from c, which has a buffer of one, succeeds.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
