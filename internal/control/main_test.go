// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"clearway/punt"
)

// envProbe makes the test binary act as a client of another user.
const envProbe = "CLEARWAY_CONTROL_PROBE"

func TestMain(m *testing.M) {
	if socket := os.Getenv(envProbe); socket != "" {
		os.Exit(probe(socket))
	}
	goleak.VerifyTestMain(m)
}

// fakeAPI is an API that answers what it is told to. A test that changes it while
// it serves does that with the lock held.
type fakeAPI struct {
	sync.Mutex
	status      Status
	err         error
	explanation Explanation
	services    []Service
	planned     []byte
	reloaded    []byte
	now         bool // reloaded so
	asked       ExplainRequest
	ordered     OrderRequest
	punt        Punt
	registered  []SocketRequest
	files       []string        // what the descriptors of registered were
	block       chan struct{}   // Status says here that it is called,
	release     <-chan struct{} // and returns when this is closed
}

func (b *fakeAPI) Status(context.Context) (Status, error) {
	if b.block != nil {
		b.block <- struct{}{}
		<-b.release
		return Status{}, errors.New("released")
	}
	b.Lock()
	defer b.Unlock()
	return b.status, b.err
}

func (b *fakeAPI) Routes(context.Context) iter.Seq2[Route, error] {
	return func(yield func(Route, error) bool) {
		for n := range 3 {
			if !yield(Route{Prefix: fmt.Sprintf("198.51.%d.0/24", n), Egress: "eth1"}, nil) {
				return
			}
		}
		b.Lock()
		defer b.Unlock()
		if b.err != nil {
			yield(Route{}, b.err)
		}
	}
}

func (b *fakeAPI) Explain(_ context.Context, r ExplainRequest) (Explanation, error) {
	b.Lock()
	defer b.Unlock()
	b.asked = r
	return b.explanation, b.err
}

func (b *fakeAPI) Services(context.Context) ([]Service, error) {
	b.Lock()
	defer b.Unlock()
	return b.services, b.err
}

func (b *fakeAPI) Plan(_ context.Context, file []byte) (Plan, error) {
	b.Lock()
	defer b.Unlock()
	b.planned = file
	return Plan{Generation: 4, Moves: []Move{{Service: "web", Moved: 3, Slots: 251}}}, b.err
}

func (b *fakeAPI) Reload(_ context.Context, r ReloadRequest) (Reload, error) {
	b.Lock()
	defer b.Unlock()
	b.reloaded, b.now = r.File, r.Now
	return Reload{Generation: 4, Changes: []string{"+ allow 10.0.0.0/8"}}, b.err
}

func (b *fakeAPI) Order(_ context.Context, r OrderRequest) (Ordered, error) {
	b.Lock()
	defer b.Unlock()
	b.ordered = r
	return Ordered{State: "draining", Changes: []string{"drained"}}, b.err
}

func (b *fakeAPI) Punt(context.Context) (Punt, error) {
	b.Lock()
	defer b.Unlock()
	return b.punt, b.err
}

func (b *fakeAPI) RegisterSocket(_ context.Context, r SocketRequest) (Registered, error) {
	b.Lock()
	defer b.Unlock()
	b.registered = append(b.registered, r)
	b.files = append(b.files, fileOf(r.Socket))
	return Registered{Interface: r.Interface, Queue: r.Queue}, b.err
}

// serve runs a server for b in a temporary directory until the test ends, and
// returns its socket.
func serve(t *testing.T, b API) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s", "clearway.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, b, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server ended with: %v", err)
		}
	})
	return path
}

// probe tries to read and to change, and says by its exit code what was let
// through: bit 0 reading, bit 1 changing.
func probe(socket string) int {
	c, ctx := NewClient(socket), context.Background()
	code := 0
	_, statusErr := c.Status(ctx)
	_, servicesErr := c.Services(ctx)
	_, puntErr := c.Punt(ctx)
	_, planErr := c.Plan(ctx, []byte("x"))
	if errors.Join(statusErr, servicesErr, puntErr, planErr) == nil {
		code |= 1
	}
	_, reloadErr := c.Reload(ctx, ReloadRequest{File: []byte("x")})
	_, orderErr := c.Order(ctx, OrderRequest{Service: "web"})
	registerErr := punt.Register(ctx, socket, "eth0", 0, 0)
	if registerErr == nil {
		code |= 2
	} else if !strings.Contains(registerErr.Error(), "only uid 0 may change") {
		code |= 4
	}
	for _, err := range []error{reloadErr, orderErr} {
		var refused *Error
		switch {
		case err == nil:
			code |= 2
		case !errors.As(err, &refused) || refused.Code != 403:
			code |= 4
		}
	}
	return code
}
