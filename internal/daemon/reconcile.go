// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/health"
)

const (
	// How long a change of the machine that could not be followed waits for the
	// next try, which doubles each time.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// tickEvery is how often the data path gets to know the time.
	tickEvery = time.Second
	// gather is how long a change of a backend's health waits for others: at a
	// start, or when a rack goes, many come together, and each table in between
	// would move flows.
	gather = 100 * time.Millisecond
)

// errStopping answers whoever asks a loop that has ended.
var errStopping = &control.Error{Code: http.StatusServiceUnavailable, Message: "the daemon is stopping"}

// reconciler is the single writer of the data path.
type reconciler struct {
	dataplane Dataplane
	machine   Machine
	health    Health
	prober    Prober // nil where the kernel can't steer health checks
	offloads  offloads
	file      string // the configuration
	log       *slog.Logger
	level     *slog.LevelVar // of log

	jobs    chan func(context.Context) // run by the loop, one at a time
	stopped chan struct{}              // closed when the loop has ended

	// The loop's own.
	good     *config.Config                 // the last one that was applied
	orders   map[health.Key]dataplane.Order // that are in force
	former   health.View                    // what the data path last knew of backends
	notes    []control.Warning              // on the text of good
	runtime  config.Runtime                 // of the first one
	again    bool                           // the machine is to be looked at once more: see apply
	unprobed error                          // why some health checks are not steered
	tickErr  string                         // that was logged last

	mu    sync.Mutex
	shown shown // guarded by mu
}

// shown is what Status and Routes tell of the loop's work.
type shown struct {
	applies  control.Applies
	last     control.Apply
	state    dataplane.State // the last one that was applied
	names    []string        // of the configured ports
	warnings []control.Warning
}

// Run follows changes until ctx ends.
func (r *reconciler) Run(ctx context.Context, changes <-chan struct{}) error {
	defer close(r.stopped)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var retry, gathered <-chan time.Time
	wait := firstRetry
	for {
		if !r.again {
			select {
			case <-ctx.Done():
				return nil
			case job := <-r.jobs:
				job(ctx)
				continue
			case <-tick.C:
				r.tick(ctx)
				continue
			case <-r.health.Changes():
				if gathered == nil {
					gathered = time.After(gather)
				}
				continue
			case <-gathered:
			case _, ok := <-changes:
				if !ok && ctx.Err() == nil {
					return errors.New("the watch of the kernel's network state has ended")
				}
				wait = firstRetry
			case <-retry:
				wait = min(2*wait, lastRetry)
			}
		}
		r.again, retry, gathered = false, nil, nil
		if r.follow(ctx) != nil {
			retry = time.After(wait)
		}
	}
}

// follow brings the data path up to date with the machine and the backends'
// health. Configured interfaces may be missing, or unfit to be ports: they come
// back.
func (r *reconciler) follow(ctx context.Context) error {
	p, err := r.replan(ctx, r.orders)
	if err != nil {
		r.note(err)
	} else {
		var refused error
		_, refused, err = r.applyAttachable(ctx, p)
		err = errors.Join(refused, err, r.unprobed)
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		r.log.Error("could not follow all changes", "error", err)
	}
	return err
}

// tick lets the data path do what time alone brings about.
func (r *reconciler) tick(ctx context.Context) {
	changes, err := r.dataplane.Tick(ctx)
	r.logChanges(changes)
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
	}
	if text != "" && text != r.tickErr {
		r.log.Error("flows can't be kept up with time; trying again every second", "error", err)
	}
	r.tickErr = text
}

func (r *reconciler) logChanges(changes dataplane.Changes) {
	for _, line := range changes.Lines {
		r.log.Info("changed", "what", line, "generation", changes.Generation)
	}
}

// note records a failed apply and returns its error.
func (r *reconciler) note(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown.applies.Failed++
	r.shown.last = control.Apply{Time: time.Now(), Error: err.Error()}
	return err
}

// show records a successful apply. Warnings that are new are logged.
func (r *reconciler) show(c *config.Config, state dataplane.State, warnings []control.Warning) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := make(map[control.Warning]bool)
	for _, w := range r.shown.warnings {
		before[w] = true
	}
	for _, w := range warnings {
		if !before[w] {
			r.log.Warn(w.Text, "place", w.Place)
		}
	}
	r.shown.applies.OK++
	r.shown.last = control.Apply{Time: time.Now()}
	r.shown.state, r.shown.warnings = state, warnings
	r.shown.names = nil
	for _, i := range c.Interfaces {
		r.shown.names = append(r.shown.names, i.Name)
	}
}

// snapshot is what was shown last.
func (r *reconciler) snapshot() shown {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown
}

// do runs job in the loop and waits for it, but not for longer than ctx. The
// job itself then goes on, with the loop's context.
func (r *reconciler) do(ctx context.Context, job func(context.Context)) error {
	done := make(chan struct{})
	select {
	case r.jobs <- func(ctx context.Context) { defer close(done); job(ctx) }:
	case <-ctx.Done():
		return ctx.Err()
	case <-r.stopped:
		return errStopping
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
