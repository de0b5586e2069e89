// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"iter"
	"os"
	"time"

	"clearway/internal/control"
)

// api is the daemon as its clients see it.
type api struct {
	*reconciler
	version string
	started time.Time
	notes   []control.Warning // of the start; they hold as long as the daemon lives
}

// shed drops what the start needed and the work does not.
func (a *api) shed(ctx context.Context, drop func(extra []uint) error) error {
	view, err := a.machine.Read(ctx)
	if err != nil {
		return err
	}
	extra := namespaceCapabilities(view)
	err = drop(extra)
	text := ""
	switch {
	case errors.Is(err, errCgo):
		text = err.Error()
	case err != nil:
		return err
	case len(extra) > 0:
		text = "CAP_SYS_ADMIN stays: there are veths whose other end is in another network namespace, where it must look"
	default:
		return nil
	}
	a.log.Warn(text, "place", "privileges")
	a.notes = append(a.notes, control.Warning{Place: "privileges", Text: text})
	return nil
}

// Status implements control.API.
func (a *api) Status(ctx context.Context) (control.Status, error) {
	stats, err := a.dataplane.Stats()
	if err != nil {
		return control.Status{}, err
	}
	services, err := a.Services(ctx)
	if err != nil {
		return control.Status{}, err
	}
	punt, err := a.punt(stats)
	if err != nil {
		return control.Status{}, err
	}
	now := a.snapshot()
	s := statusOf(a.version, stats, now.state)
	addMissing(&s, now.names)
	s.Services, s.Punt = services, punt
	s.UptimeSeconds = int64(time.Since(a.started).Seconds())
	s.Daemon = &control.Daemon{PID: os.Getpid(), Config: a.file, Applies: now.applies, LastApply: now.last}
	s.Warnings = append(append(s.Warnings, a.notes...), now.warnings...)
	return s, nil
}

// Services implements control.API.
func (a *api) Services(context.Context) ([]control.Service, error) {
	services, err := a.dataplane.Services()
	return servicesOf(services, a.health.Last()), err
}

// Routes implements control.API.
func (a *api) Routes(ctx context.Context) iter.Seq2[control.Route, error] {
	return routesOf(ctx, a.machine, a.snapshot().state)
}

// Explain implements control.API.
func (a *api) Explain(ctx context.Context, q control.ExplainRequest) (control.Explanation, error) {
	return explain(ctx, a.dataplane, a.machine, a.snapshot().state, q)
}

// Plan implements control.API.
func (a *api) Plan(ctx context.Context, file []byte) (control.Plan, error) {
	return inLoop(ctx, a.reconciler, func(ctx context.Context) (control.Plan, error) {
		text, err := a.fileOr(file)
		if err != nil {
			return control.Plan{}, err
		}
		return a.preview(ctx, text)
	})
}

// Reload implements control.API.
func (a *api) Reload(ctx context.Context, q control.ReloadRequest) (control.Reload, error) {
	return inLoop(ctx, a.reconciler, func(ctx context.Context) (control.Reload, error) {
		text, err := a.fileOr(q.File)
		if err != nil {
			return control.Reload{}, a.note(err)
		}
		return a.load(ctx, text, q.Now)
	})
}

// Order implements control.API.
func (a *api) Order(ctx context.Context, q control.OrderRequest) (control.Ordered, error) {
	return inLoop(ctx, a.reconciler, func(ctx context.Context) (control.Ordered, error) { return a.order(ctx, q) })
}

// fileOr is the text of a configuration: the one that was sent, or the daemon's
// own.
func (a *api) fileOr(sent []byte) ([]byte, error) {
	if len(sent) > 0 {
		return sent, nil
	}
	text, err := os.ReadFile(a.file)
	if err != nil {
		return nil, control.Invalidf("reading the configuration: %v", err)
	}
	return text, nil
}

// inLoop has the loop answer.
func inLoop[T any](ctx context.Context, r *reconciler, ask func(context.Context) (T, error)) (T, error) {
	var answer, none T
	var err error
	if asked := r.do(ctx, func(ctx context.Context) { answer, err = ask(ctx) }); asked != nil {
		return none, asked // the loop may still be at it
	}
	return answer, err
}
