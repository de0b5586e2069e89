// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fails starts a daemon with settings that it can't take: it must end with 1
// and say all of want.
func (r *router) fails(c settings, want ...string) {
	r.t.Helper()
	r.write(c)
	r.failsAsIs(want...)
}

// failsAsIs is fails with the configuration that is there.
func (r *router) failsAsIs(want ...string) {
	r.t.Helper()
	r.must(r.log.Truncate(0))
	r.must(r.launch())
	select {
	case <-r.daemon.Ended:
	case <-time.After(10 * time.Second):
		r.t.Fatal("the daemon doesn't end")
	}
	code := r.daemon.ProcessState.ExitCode()
	r.daemon = nil
	if code != 1 {
		r.t.Errorf("the daemon ended with %d, want 1", code)
	}
	text, err := os.ReadFile(r.log.Name())
	r.must(err)
	for _, w := range want {
		if !strings.Contains(string(text), w) {
			r.t.Errorf("the daemon doesn't say %q but: %s", w, text)
		}
	}
}

// harmless checks that a flow passes unharmed while fn goes wrong.
func (r *router) harmless(fn func()) {
	r.t.Helper()
	flow, err := r.flow(20_000).Start(r.t.Context())
	r.must(err)
	defer func() {
		if report, err := flow.Stop(); err != nil || report.Err() != nil {
			r.t.Error(err, report.Err())
		}
	}()
	fn()
}

// A daemon that can't start says why, and Linux goes on to forward.
func TestCannotStart(t *testing.T) {
	r := newDemoRouter(t)
	r.must(unix.Unmount(r.path("bpf"), 0))
	r.harmless(func() {
		r.sub("no BPF file system", func() {
			r.fails(demo(), "not on a BPF file system", "mount -t bpf")
		})
		r.must(unix.Mount("bpf", r.path("bpf"), "bpf", unix.MS_RDONLY, ""))
		r.sub("read-only", func() { r.fails(demo(), "read-only", "remount") })
		r.must(unix.Mount("", r.path("bpf"), "", unix.MS_REMOUNT, ""))
		r.sub("unknown interface", func() {
			c := demo()
			c.interfaces = append(c.interfaces, "nosuch")
			r.fails(c, `line 9, column 12: there is no interface "nosuch"`)
		})
		r.sub("metrics taken", func() {
			busy, err := r.host().Listen(r.t.Context(), "tcp", netip.MustParseAddrPort(metricsAddress))
			r.must(err)
			defer busy.Close()
			c := demo()
			c.metrics = metricsAddress
			r.fails(c, "address already in use", "runtime.metrics")
		})
		r.sub("no socket", func() {
			r.must(os.WriteFile(r.path("clearway.sock"), []byte("precious"), 0o600))
			r.fails(demo(), "clearway.sock exists and is not a socket")
			r.must(os.Remove(r.path("clearway.sock")))
		})
		if pins := r.pins(); len(pins) > 0 {
			t.Errorf("failed starts left %v", pins)
		}
	})
	r.run(demo())
	r.ends(toServer1, "forward")
}

// A data path that is there goes on whatever keeps the next daemon from
// starting.
func TestCannotStartAgain(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	r.stop(syscall.SIGTERM)
	r.harmless(func() {
		r.must(unix.Mount("", r.path("bpf"), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		r.sub("read-only", func() { r.fails(demo(), "read-only") })
		r.must(unix.Mount("", r.path("bpf"), "", unix.MS_REMOUNT, ""))
		r.sub("bad file", func() { r.fails(settings{forward: "  {"}, "line ") })
		r.sub("another namespace", func() { r.failsInAnotherNamespace() })
	})
	forwarded := r.clearway("status", "--json").out
	if !strings.Contains(forwarded, `"forward"`) {
		t.Errorf("nothing was forwarded: %s", forwarded)
	}
	r.start()
	r.ends(toServer1, "forward")
}

// failsInAnotherNamespace starts a daemon on another host with the same pins.
func (r *router) failsInAnotherNamespace() {
	r.t.Helper()
	here := r.on
	defer func() { r.on = here }()
	r.on = "client"
	c := demo()
	c.interfaces = []string{"eth0"}
	r.fails(c, "pinned by another network namespace")
}

// While the file system is read-only a reload that needs more pins fails, and
// changes nothing.
func TestReloadReadOnly(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	before := r.shape()
	r.harmless(func() {
		r.must(unix.Mount("", r.path("bpf"), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		c := demo()
		c.limits = "{interfaces: 10}"
		c.allow = append(c.allow, "203.0.113.0/24")
		r.refuse(c.text(r.dir), "read-only")
		r.ends(fromServer2, "pass_no_match")
		r.must(unix.Mount("", r.path("bpf"), "", unix.MS_REMOUNT, ""))
	})
	r.same(before)
	c := demo()
	c.limits = "{interfaces: 10}"
	r.reload(c)
}

// A second daemon is refused by the first one's socket, or by its pins.
func TestSecondInstance(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	before := r.status()
	second := &router{t: t, lab: r.lab, dir: r.dir, program: r.program, log: r.log, on: r.on}
	r.harmless(func() {
		second.fails(demo(), "another daemon runs", "stop it first")
		other := demo().text(r.dir)
		r.must(os.WriteFile(r.path("clearway.yaml"), []byte(strings.Replace(other, "clearway.sock", "other.sock", 1)), 0o600))
		second.failsAsIs("in use by another process", "stop the other clearway first")
	})
	now := r.status()
	if now.Daemon.PID != before.Daemon.PID || now.Generation != before.Generation {
		t.Errorf("the first daemon is not what it was: %+v, %+v", before.Daemon, now.Daemon)
	}
}
