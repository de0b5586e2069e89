// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/control"
	"clearway/internal/topo"
	"clearway/internal/topo/process"
	"clearway/internal/topo/topotest"
)

// router is the host "router" of a lab with the program on it: a directory for
// its files, a BPF file system, and at most one daemon. Not safe for concurrent
// use, but for client.
type router struct {
	t       *testing.T
	lab     *topo.Lab
	dir     string
	program string
	on      string               // the host
	attr    *syscall.SysProcAttr // of daemons; nil: root
	client  *control.Client

	daemon *process.Daemon // nil when none runs
	log    *os.File        // of all daemons, one after the other

	seen account // the most that was counted so far
}

// newRouter prepares the router of a lab that is up. All of it is gone when the
// test ends, and the log is shown if the test failed.
func newRouter(t *testing.T, lab *topo.Lab) *router {
	t.Helper()
	r := &router{t: t, lab: lab, dir: t.TempDir(), program: program, on: "router", seen: account{}}
	r.client = control.NewClient(r.path("clearway.sock"))
	if err := os.Mkdir(r.path("bpf"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("bpf", r.path("bpf"), "bpf", 0, ""); err != nil {
		t.Fatalf("mounting a BPF file system: %v", err)
	}
	var err error
	if r.log, err = os.OpenFile(r.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.remove)
	return r
}

// newDemoRouter is newRouter of a demonstration lab of the test's own.
func newDemoRouter(t *testing.T) *router {
	t.Helper()
	return newRouter(t, topotest.New(t, topo.Demo()))
}

func (r *router) remove() {
	if r.daemon != nil {
		r.stop(syscall.SIGKILL)
	}
	if r.t.Failed() {
		if text, err := os.ReadFile(r.log.Name()); err == nil {
			r.t.Logf("the daemon's log:\n%s", text)
		}
	}
	r.log.Close()
	if err := unix.Unmount(r.path("bpf"), 0); err != nil {
		r.t.Errorf("unmounting, someone still uses it: %v", err)
		unix.Unmount(r.path("bpf"), unix.MNT_DETACH)
	}
}

// must fails the test on an error of what the test itself does.
func (r *router) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// sub is t.Run for the router's own test.
func (r *router) sub(name string, fn func()) {
	r.t.Helper()
	parent := r.t
	parent.Run(name, func(t *testing.T) {
		r.t = t
		defer func() { r.t = parent }()
		fn()
	})
}

func (r *router) path(name string) string { return filepath.Join(r.dir, name) }
func (r *router) host() *topo.Host        { return r.lab.Host(r.on) }

// write writes the configuration, for the next start or reload.
func (r *router) write(c settings) {
	r.t.Helper()
	if err := os.WriteFile(r.path("clearway.yaml"), []byte(c.text(r.dir)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start starts the daemon, waits until it answers, and checks that it counts on
// where the last one ended.
func (r *router) start() {
	r.t.Helper()
	if err := r.tryStart(); err != nil {
		r.t.Fatal(err)
	}
	r.checkAccount()
}

// pins lists all that is pinned.
func (r *router) pins() []string { return topotest.Pins(r.t, r.path("bpf")) }

// run writes the configuration and starts the daemon with it.
func (r *router) run(c settings) {
	r.t.Helper()
	r.write(c)
	r.start()
}

// launch starts the daemon and doesn't wait.
func (r *router) launch() (err error) {
	cmd := exec.Command(r.program, "run", "-c", r.path("clearway.yaml"))
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = r.log, r.log, r.attr
	r.daemon, err = process.Start(r.host(), cmd)
	return err
}

// tryStart returns process.ErrEnded if the daemon doesn't want to.
func (r *router) tryStart() error {
	if err := r.launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	err := r.daemon.Ready(ctx, r.client)
	if errors.Is(err, process.ErrEnded) {
		r.daemon = nil
	}
	return err
}

// stop ends the daemon and waits until it has ended.
func (r *router) stop(signal syscall.Signal) {
	r.t.Helper()
	daemon := r.daemon
	r.daemon = nil
	r.must(daemon.Stop(signal, 10*time.Second))
}

// result is what a command did.
type result struct {
	out, err string
	code     int
}

// clearway runs a command on the router, with the paths of its configuration.
func (r *router) clearway(args ...string) result {
	r.t.Helper()
	args = append([]string{"--socket", r.path("clearway.sock"), "--bpffs", r.path("bpf/clearway")}, args...)
	var out, err bytes.Buffer
	cmd := exec.Command(r.program, args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if err := r.host().Start(cmd); err != nil {
		r.t.Fatal(err)
	}
	cmd.Wait()
	return result{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// reload writes the configuration and reloads it, which must succeed and count
// on.
func (r *router) reload(c settings) result {
	r.t.Helper()
	r.write(c)
	done := r.clearway("reload", r.path("clearway.yaml"))
	if done.code != 0 {
		r.t.Fatalf("reload ended with %d: %s", done.code, done.err)
	}
	r.checkAccount()
	return done
}

// hangUp makes the daemon read its file again and waits until it has.
func (r *router) hangUp() {
	r.t.Helper()
	attempts := func() uint64 {
		a := r.status().Daemon.Applies
		return a.OK + a.Failed
	}
	before := attempts()
	if err := r.daemon.Process.Signal(syscall.SIGHUP); err != nil {
		r.t.Fatal(err)
	}
	r.within(30*time.Second, func() error {
		if attempts() == before {
			return errors.New("SIGHUP has no effect")
		}
		return nil
	})
	r.checkAccount()
}

// refuse writes the configuration and reloads it, which must fail and say all
// of want.
func (r *router) refuse(text string, want ...string) {
	r.t.Helper()
	file := r.path("refused.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	done := r.clearway("reload", file)
	if done.code != 1 {
		r.t.Errorf("reload ended with %d, want 1", done.code)
	}
	for _, w := range want {
		if !strings.Contains(done.err, w) {
			r.t.Errorf("reload doesn't say %q but: %s", w, done.err)
		}
	}
}

func (r *router) status() control.Status {
	r.t.Helper()
	status, err := r.client.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return status
}
