// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
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
