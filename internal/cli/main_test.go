// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"clearway/internal/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

// clearway runs the command line in this process.
func clearway(ctx context.Context, stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	env := Env{Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr}
	code := Main(ctx, env, args)
	return result{code, stdout.String(), stderr.String()}
}

// fakeDaemon answers with what it holds, and notes what it was asked.
type fakeDaemon struct {
	status      control.Status
	routes      []control.Route
	explanation control.Explanation
	plan        control.Plan
	reload      control.Reload
	ordered     control.Ordered
	err         error

	explained control.ExplainRequest
	planned   []byte
	reloaded  []byte
	now       bool // reloaded so
	order     control.OrderRequest
	asked     func() // called when the status is asked for
}

func (d *fakeDaemon) Status(context.Context) (control.Status, error) {
	if d.asked != nil {
		d.asked()
	}
	return d.status, d.err
}

func (d *fakeDaemon) Routes(context.Context) iter.Seq2[control.Route, error] {
	return func(yield func(control.Route, error) bool) {
		for _, r := range d.routes {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (d *fakeDaemon) Explain(_ context.Context, r control.ExplainRequest) (control.Explanation, error) {
	d.explained = r
	return d.explanation, d.err
}

func (d *fakeDaemon) Services(context.Context) ([]control.Service, error) {
	return d.status.Services, d.err
}

func (d *fakeDaemon) Punt(context.Context) (control.Punt, error) {
	return d.status.Punt, d.err
}

func (d *fakeDaemon) RegisterSocket(context.Context, control.SocketRequest) (control.Registered, error) {
	return control.Registered{}, d.err // no command asks for it
}

func (d *fakeDaemon) Plan(_ context.Context, file []byte) (control.Plan, error) {
	d.planned = append([]byte{}, file...)
	return d.plan, d.err
}

func (d *fakeDaemon) Reload(_ context.Context, r control.ReloadRequest) (control.Reload, error) {
	d.reloaded, d.now = append([]byte{}, r.File...), r.Now
	return d.reload, d.err
}

func (d *fakeDaemon) Order(_ context.Context, r control.OrderRequest) (control.Ordered, error) {
	d.order = r
	return d.ordered, d.err
}

// serve makes d a daemon, and returns the flag that points to it.
func (d *fakeDaemon) serve(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clearway.sock")
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- control.Serve(ctx, l, d, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "--socket=" + path
}
