// SPDX-License-Identifier: Apache-2.0

package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/internal/testkit"
)

func TestQuestionsAndAnswers(t *testing.T) {
	b := &fakeAPI{
		status: Status{Version: "v1", Generation: 3, Interfaces: []Interface{{Name: "eth0", Mode: "native",
			Reasons: map[string]Counter{"forward": {Packets: 1, Bytes: 60}}}}},
		explanation: Explanation{Verdict: "redirect", Stages: []Stage{{"parse", "ok"}}},
		services: []Service{{Name: "web", Ports: []uint16{80}, Backends: []Backend{{Address: "10.2.0.11", Weight: 3,
			Health: &Health{Status: "down", Error: "connection refused", Missing: 2}}}}},
	}
	b.punt = Punt{Rules: []PuntRule{{Name: "dns", Protocol: "udp", Address: "192.0.2.53", Port: 53}},
		Interfaces: []PuntInterface{{Name: "eth0", Sockets: []int{0, 3}, Punted: Counter{1, 60}, NoSocket: Counter{2, 120}}}}
	c := NewClient(serve(t, b))
	ctx := context.Background()

	status, err := c.Status(ctx)
	if diff := cmp.Diff(b.status, status); err != nil || diff != "" {
		t.Errorf("status: %v\n%s", err, diff)
	}
	request := ExplainRequest{Interface: "eth0", Frame: []byte{1, 2, 3}, OwnMAC: true}
	explanation, err := c.Explain(ctx, request)
	if diff := cmp.Diff(b.explanation, explanation); err != nil || diff != "" {
		t.Errorf("explain: %v\n%s", err, diff)
	}
	if diff := cmp.Diff(request, b.asked); diff != "" {
		t.Errorf("explain was asked:\n%s", diff)
	}
	services, err := c.Services(ctx)
	if diff := cmp.Diff(b.services, services); err != nil || diff != "" {
		t.Errorf("services: %v\n%s", err, diff)
	}
	punt, err := c.Punt(ctx)
	if diff := cmp.Diff(b.punt, punt); err != nil || diff != "" {
		t.Errorf("punt: %v\n%s", err, diff)
	}
	plan, err := c.Plan(ctx, []byte("forward: {}"))
	if err != nil || string(b.planned) != "forward: {}" || len(plan.Moves) != 1 || plan.Moves[0].Slots != 251 {
		t.Errorf("plan: %+v, %v; the API got %q", plan, err, b.planned)
	}
}

func TestRoutes(t *testing.T) {
	b := &fakeAPI{}
	c := NewClient(serve(t, b))
	collect := func(most int) (prefixes []string, last error) {
		for r, err := range c.Routes(context.Background()) {
			if err != nil {
				return prefixes, err
			}
			if prefixes = append(prefixes, r.Prefix); len(prefixes) == most {
				break
			}
		}
		return prefixes, nil
	}
	all := []string{"198.51.0.0/24", "198.51.1.0/24", "198.51.2.0/24"}
	if got, err := collect(9); err != nil || !slices.Equal(got, all) {
		t.Errorf("routes: %v, %v", got, err)
	}
	if got, err := collect(2); err != nil || !slices.Equal(got, all[:2]) {
		t.Errorf("the first two routes: %v, %v", got, err)
	}
	b.Lock()
	b.err = errors.New("interrupted")
	b.Unlock()
	if got, err := collect(9); err == nil || err.Error() != "interrupted" || len(got) != 3 {
		t.Errorf("with an error at the end: %v, %v", got, err)
	}
}

func TestErrorsTravel(t *testing.T) {
	refusal := Invalidf("%s: 1 problem", "clearway.yaml")
	refusal.Problems = []Problem{{Line: 3, Column: 7, Text: "  - {mss: 1}", Message: "out of range"}}
	b := &fakeAPI{err: refusal}
	c := NewClient(serve(t, b))

	_, err := c.Status(context.Background())
	var got *Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if diff := cmp.Diff(refusal, got); diff != "" {
		t.Error(diff)
	}
	b.Lock()
	b.err = errors.New("out of memory")
	b.Unlock()
	if _, err = c.Status(context.Background()); !errors.As(err, &got) || got.Code != 500 || got.Message != "out of memory" {
		t.Errorf("a plain error came back as %#v", err)
	}
}

func TestChangingIsForUIDZero(t *testing.T) {
	testkit.RequireRoot(t)
	b := &fakeAPI{}
	socket := serve(t, b)
	c := NewClient(socket)
	ctx := context.Background()

	for _, now := range []bool{false, true} {
		got, err := c.Reload(ctx, ReloadRequest{File: []byte("forward: {}"), Now: now})
		b.Lock()
		if err != nil || got.Generation != 4 || string(b.reloaded) != "forward: {}" || b.now != now {
			t.Fatalf("reload as root: %+v, %v; the API got %q, now %v", got, err, b.reloaded, b.now)
		}
		b.Unlock()
	}
	request := OrderRequest{Service: "web", Backend: "10.2.0.11", Order: "drain", Force: true}
	ordered, err := c.Order(ctx, request)
	if err != nil || ordered.State != "draining" || b.ordered != request {
		t.Fatalf("order as root: %+v, %v; the API got %+v", ordered, err, b.ordered)
	}
	b.Lock()
	b.reloaded, b.ordered = nil, OrderRequest{}
	b.Unlock()
	if code := runProbe(t, socket); code != 1 {
		t.Errorf("as another user the probe's result was %03b, want 001: reading let through and changing refused", code)
	}
	if b.reloaded != nil || b.ordered != (OrderRequest{}) || b.registered != nil {
		t.Error("another user's change reached the API")
	}
}

// runProbe runs this test binary as uid 65534 against a socket that it may
// open.
func runProbe(t *testing.T, socket string) int {
	t.Helper()
	open := t.TempDir() // the test's own directories are closed to other users
	for _, dir := range []string{open, filepath.Dir(open)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	exe := copyExecutable(t, filepath.Join(open, "probe"))
	shared := filepath.Join(open, "s")
	if err := errors.Join(os.Link(socket, shared), os.Chmod(shared, 0o666)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = []string{envProbe + "=" + shared}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("starting the probe: %v\n%s", err, out)
	}
	return cmd.ProcessState.ExitCode()
}

func copyExecutable(t *testing.T, to string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestPeerlessConnectionsMayNotChange(t *testing.T) {
	b := &fakeAPI{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, b, slog.New(slog.DiscardHandler)) }()
	defer func() { cancel(); <-done; http.DefaultClient.CloseIdleConnections() }()

	r, err := http.Post("http://"+l.Addr().String()+"/v1/reload", "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusForbidden || b.reloaded != nil {
		t.Errorf("reload over TCP: %s, API got %q", r.Status, b.reloaded)
	}
}

func TestBadRequests(t *testing.T) {
	testkit.RequireRoot(t) // reload is tried
	b := &fakeAPI{}
	c := NewClient(serve(t, b))
	for _, row := range []struct {
		name, method, path string
		body               io.Reader
		want               int
	}{
		{"unknown path", "GET", "/v1/nothing", nil, 404},
		{"wrong method", "GET", "/v1/reload", nil, 405},
		{"not JSON", "POST", "/v1/explain", strings.NewReader("{"), 400},
		{"order is not JSON", "POST", "/v1/order", strings.NewReader("["), 400},
		{"explain too big", "POST", "/v1/explain", bytes.NewReader(make([]byte, maxRequest+1)), 413},
		{"file too big", "POST", "/v1/reload", bytes.NewReader(make([]byte, maxFile+1)), 413},
	} {
		request, err := http.NewRequest(row.method, "http://clearway"+row.path, row.body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.http.Do(request)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		r.Body.Close()
		if r.StatusCode != row.want {
			t.Errorf("%s: %s, want %d", row.name, r.Status, row.want)
		}
	}
	if b.reloaded != nil || b.ordered != (OrderRequest{}) {
		t.Error("a bad request reached the API")
	}
}

// A request in flight must not hold up the end of the server for long, whether
// it heeds the end of its context or not.
func TestStopWithARequestInFlight(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		serving, stop := context.WithCancel(context.Background())
		defer stop()
		b := &fakeAPI{block: make(chan struct{}), release: serving.Done()}
		if !heeds {
			never := make(chan struct{})
			defer close(never)
			b.release = never
		}
		path := filepath.Join(t.TempDir(), "clearway.sock")
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		done, answered := make(chan error, 1), make(chan error, 1)
		go func() { done <- Serve(serving, l, b, slog.New(slog.DiscardHandler)) }()
		go func() { _, err := NewClient(path).Status(context.Background()); answered <- err }()
		<-b.block // the request is in the API

		stop()
		for _, end := range []struct {
			of  string
			c   <-chan error
			bad func(error) bool
		}{
			{"server", done, func(err error) bool { return err != nil }},
			{"client", answered, func(err error) bool { return err == nil }},
		} {
			select {
			case err := <-end.c:
				if end.bad(err) {
					t.Errorf("heeds %v: the %s ended with %v", heeds, end.of, err)
				}
			case <-time.After(2 * stopTimeout):
				t.Fatalf("heeds %v: the %s did not end", heeds, end.of)
			}
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("heeds %v: the socket is still there: %v", heeds, err)
		}
	}
}
