// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func namespace() (string, error) { return os.Readlink("/proc/thread-self/ns/net") }

// Many visits to several hosts at once each see their own, and never on the
// main thread.
func TestDoIsInside(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	home, err := namespace()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"client", "router", "server1", "server2"}
	where := make(map[string]string)
	for _, name := range names {
		err := lab.Host(name).Do(func() (err error) { where[name], err = namespace(); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	if all := slices.Compact(slices.Sorted(func(yield func(string) bool) {
		yield(home)
		for _, ns := range where {
			yield(ns)
		}
	})); len(all) != 5 {
		t.Errorf("namespaces are shared: %v and %v", home, where)
	}
	var g errgroup.Group
	for i := range 400 {
		g.Go(func() error {
			name := names[i%len(names)]
			return lab.Host(name).Do(func() error {
				runtime.Gosched()
				ns, err := namespace()
				if err == nil && (ns != where[name] || unix.Gettid() == unix.Getpid()) {
					err = errors.New("in the wrong place")
				}
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if ns, err := os.Readlink("/proc/self/ns/net"); err != nil || ns != home {
		t.Errorf("the process is in %s now, not in %s: %v", ns, home, err)
	}
}

func TestDoReturnsWhatHappened(t *testing.T) {
	h := one(t, topo.HostSpec{})
	if err := h.Do(func() error { return io.EOF }); err != io.EOF {
		t.Errorf("got %v", err)
	}
	if err := h.Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("no error from a function that didn't return")
	}
	release := make(chan struct{})
	wait := h.Go(func() error { <-release; return io.EOF })
	close(release)
	if err := errors.Join(wait(), wait()); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

func TestCommand(t *testing.T) {
	h := one(t, topo.HostSpec{})
	var inside string
	if err := h.Do(func() (err error) { inside, err = namespace(); return err }); err != nil {
		t.Fatal(err)
	}
	out, err := h.Command(t.Context(), "readlink", "/proc/self/ns/net")
	if err != nil || strings.TrimSpace(string(out)) != inside {
		t.Errorf("it ran in %s, not in %s: %v", out, inside, err)
	}
	out, err = h.Command(t.Context(), "sh", "-c", "echo so; echo what >&2; exit 3")
	if string(out) != "so\nwhat\n" || err == nil || !strings.Contains(err.Error(), "exit status 3: so\nwhat") {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := h.Command(t.Context(), "no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Command(ctx, "sleep", "100"); err == nil {
		t.Error("it went on after its context ended")
	}
}

// A program lives until the lab closes, however many threads came and went.
func TestProgramsDieWithTheLab(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	h := lab.Host("router")
	cmd := exec.Command("sleep", "100")
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	for range 20 {
		if err := h.Do(func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-died:
		t.Fatalf("it died before its time: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := <-died; !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("got %v", err)
	}
}

// Sockets made inside work from outside.
func TestDialAndListen(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	server, client := lab.Host("server2"), lab.Host("client")
	for _, a := range []netip.Addr{topo.DemoServer24, topo.DemoServer26} {
		l, err := server.Listen(t.Context(), "tcp", netip.AddrPortFrom(a, 0))
		if err != nil {
			t.Fatal(err)
		}
		p, err := server.ListenPacket(t.Context(), "udp", l.Addr().(*net.TCPAddr).AddrPort())
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := client.Dial(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		udp, err := client.Dial(t.Context(), "udp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := udp.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, from, err := p.ReadFrom(buf); err != nil || string(buf[:n]) != "hello" || from.String() != udp.LocalAddr().String() {
			t.Errorf("got %q from %v, %v", buf[:n], from, err)
		}
		for _, c := range []io.Closer{tcp, udp, l, p} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := client.Dial(t.Context(), "tcp", "localhost:1"); err == nil {
		t.Error("dialled a name")
	}
	if _, err := client.Listen(t.Context(), "tcp", netip.AddrPortFrom(topo.DemoServer14, 0)); err == nil {
		t.Error("listens on an address of another host")
	}
}
