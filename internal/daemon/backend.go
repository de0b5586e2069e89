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

// backend is the daemon as its API sees it.
type backend struct {
	*reconciler
	version string
	started time.Time
	notes   []control.Warning // of the start; they hold as long as the daemon lives
}

// shed drops what the start needed and the work does not.
func (b *backend) shed(ctx context.Context, drop func(extra []uint) error) error {
	view, err := b.machine.Read(ctx)
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
	b.log.Warn(text, "place", "privileges")
	b.notes = append(b.notes, control.Warning{Place: "privileges", Text: text})
	return nil
}

// Status implements control.Backend.
func (b *backend) Status(context.Context) (control.Status, error) {
	stats, err := b.dataplane.Stats()
	if err != nil {
		return control.Status{}, err
	}
	now := b.snapshot()
	s := statusOf(b.version, stats, now.state)
	addMissing(&s, now.names)
	s.UptimeSeconds = int64(time.Since(b.started).Seconds())
	s.Daemon = &control.Daemon{PID: os.Getpid(), Config: b.file, Applies: now.applies, LastApply: now.last}
	s.Warnings = append(append(s.Warnings, b.notes...), now.warnings...)
	return s, nil
}

// Routes implements control.Backend.
func (b *backend) Routes(ctx context.Context) iter.Seq2[control.Route, error] {
	return routesOf(ctx, b.machine, b.snapshot().state)
}

// Explain implements control.Backend.
func (b *backend) Explain(ctx context.Context, q control.ExplainRequest) (control.Explanation, error) {
	return explain(ctx, b.dataplane, b.machine, b.snapshot().state, q)
}

// Reload implements control.Backend.
func (b *backend) Reload(ctx context.Context, file []byte) (control.Reload, error) {
	var done control.Reload
	var err error
	asked := b.do(ctx, func(ctx context.Context) {
		if len(file) == 0 {
			if file, err = b.readFile(); err != nil {
				return
			}
		}
		done, err = b.load(ctx, file)
	})
	if asked != nil {
		return control.Reload{}, asked // the loop may still be at it
	}
	return done, err
}
