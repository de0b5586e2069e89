// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/netstate"
	"clearway/internal/plan"
)

// How long a change of the machine that could not be followed waits for the
// next try, which doubles each time.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// errStopping answers whoever asks a loop that has ended.
var errStopping = &control.Error{Code: http.StatusServiceUnavailable, Message: "the daemon is stopping"}

// reconciler is the single writer of the data path.
type reconciler struct {
	dataplane Dataplane
	machine   Machine
	offloads  offloads
	file      string // the configuration
	log       *slog.Logger
	level     *slog.LevelVar // of log

	jobs    chan func(context.Context) // run by the loop, one at a time
	stopped chan struct{}              // closed when the loop has ended

	// The loop's own.
	good    *config.Config    // the last one that was applied
	notes   []control.Warning // on its text
	runtime config.Runtime    // of the first one
	again   bool              // the machine is to be looked at once more: see apply

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
	var retry <-chan time.Time
	wait := firstRetry
	for {
		if !r.again {
			select {
			case <-ctx.Done():
				return nil
			case job := <-r.jobs:
				job(ctx)
				continue
			case _, ok := <-changes:
				if !ok && ctx.Err() == nil {
					return errors.New("the watch of the kernel's network state has ended")
				}
				wait = firstRetry
			case <-retry:
				wait = min(2*wait, lastRetry)
			}
		}
		r.again, retry = false, nil
		if r.follow(ctx) != nil {
			retry = time.After(wait)
		}
	}
}

// follow brings the data path up to date with the machine. Configured
// interfaces may be missing, or unfit to be ports: they come back.
func (r *reconciler) follow(ctx context.Context) error {
	view, err := r.machine.Read(ctx)
	if err == nil {
		state, found, unfit := plan.Build(plan.Input{Config: r.good, View: view})
		warnings := append(planWarnings(found), unfitWarnings(unfit)...)
		err = r.applyAttachable(ctx, view, state, append(warnings, r.notes...))
	} else {
		r.note(err)
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		r.log.Error("could not follow all changes of the network", "error", err)
	}
	return err
}

// applyAttachable applies state without those ports that can't be attached, and
// returns why: a device that came back with another's program on it must not
// keep the data path from all other changes.
func (r *reconciler) applyAttachable(ctx context.Context, view netstate.View, state dataplane.State, warnings []control.Warning) error {
	_, err := r.apply(ctx, r.good, view, state, warnings)
	var refused *dataplane.AttachError
	if !errors.As(err, &refused) {
		return err
	}
	rest := state
	rest.Ports = slices.DeleteFunc(slices.Clone(state.Ports), func(p dataplane.Port) bool { return p.Name == refused.Interface })
	if len(rest.Ports) == len(state.Ports) {
		return err
	}
	warnings = append(warnings, control.Warning{Place: refused.Interface, Text: err.Error()})
	return errors.Join(err, r.applyAttachable(ctx, view, rest, warnings))
}

// load applies the text of a configuration. All of its interfaces must exist
// and be fit to be ports.
func (r *reconciler) load(ctx context.Context, text []byte) (control.Reload, error) {
	view, err := r.machine.Read(ctx)
	if err != nil {
		return control.Reload{}, r.note(err)
	}
	c, problems := config.Check(text, func(name string) bool { return view.ByName(name) != nil })
	if problems.HasErrors() {
		refusal := control.Invalidf("the configuration has errors; nothing was changed")
		refusal.Problems = control.FromConfig(problems)
		return control.Reload{}, r.note(refusal)
	}
	state, found, err := plan.Build(plan.Input{Config: c, View: view})
	if err != nil {
		return control.Reload{}, r.note(err)
	}
	if r.good == nil {
		r.runtime = c.Runtime
	}
	notes := append(needRestart(r.runtime, c.Runtime), textWarnings(problems)...)
	warnings := append(planWarnings(found), notes...)
	changes, err := r.apply(ctx, c, view, state, warnings)
	if err != nil {
		return control.Reload{}, err
	}
	r.notes = notes
	r.level.Set(c.Runtime.Log)
	return control.Reload{Generation: changes.Generation, Changes: changes.Lines, Warnings: warnings}, nil
}

// apply makes the data path state, which was planned from c and view, and c the
// last good configuration. On an error everything stays as it was.
func (r *reconciler) apply(ctx context.Context, c *config.Config, view netstate.View, state dataplane.State, warnings []control.Warning) (dataplane.Changes, error) {
	undo, err := r.offloads.off(plan.Offloads(c, view))
	if err != nil {
		return dataplane.Changes{}, r.note(err)
	}
	changes, err := r.dataplane.Apply(ctx, state)
	if err != nil {
		return dataplane.Changes{}, r.note(errors.Join(nameForeign(err, view), undo()))
	}
	r.good = c
	// What was attached may let more devices take frames, which nothing announces.
	r.again = view.RedirectGuessed && len(changes.Lines) > 0
	if err := r.offloads.restoreExcept(state.Ports); err != nil {
		r.log.Error("could not restore an offload", "error", err)
	}
	for _, line := range changes.Lines {
		r.log.Info("changed", "what", line, "generation", changes.Generation)
	}
	r.show(c, state, warnings)
	return changes, nil
}

// nameForeign adds to an error of attaching which program is in the way.
func nameForeign(err error, view netstate.View) error {
	var attach *dataplane.AttachError
	if !errors.As(err, &attach) || !attach.Foreign {
		return err
	}
	link := view.ByName(attach.Interface)
	if link == nil || link.Program == 0 {
		return err
	}
	return fmt.Errorf("%w: it is %s", err, dataplane.DescribeProgram(link.Program))
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

// readFile reads the configuration file.
func (r *reconciler) readFile() ([]byte, error) {
	text, err := os.ReadFile(r.file)
	if err != nil {
		return nil, r.note(control.Invalidf("reading the configuration: %v", err))
	}
	return text, nil
}
