// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Nouns answer from the pins when no daemon runs.
func TestWithoutDaemon(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	r.ends(toServer1, "forward")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		r.sub(signal.String(), func() {
			r.stop(signal)
			_, err := os.Stat(r.path("clearway.sock"))
			if stale := err == nil; stale != (signal == syscall.SIGKILL) {
				r.t.Errorf("after the daemon's end there is a socket: %v", stale)
			}
			r.answersFromPins()
			r.start()
		})
	}
}

func (r *router) answersFromPins() {
	r.t.Helper()
	for _, command := range []struct {
		args, want string
	}{
		{"status", "no daemon: read from the pinned maps"},
		{"status --json", `"forward":{"packets":`},
		{"stats", "forward"},
		{"stats --json", "forward"},
		{"interfaces", "eth1"},
		{"interfaces --json", `"name":"eth1"`},
		{"routes", "198.51.100.0/24"},
		{"routes --json", `"198.51.100.0/24"`},
		{"explain --in eth0 --src 192.0.2.2 --dst 198.51.100.2", "forward"},
		{"explain --in eth0 --src 192.0.2.2 --dst 203.0.113.2 --json", `"reason":"pass_no_match"`},
	} {
		done := r.clearway(strings.Fields(command.args)...)
		if done.code != 0 || !strings.Contains(done.out, command.want) {
			r.t.Errorf("%s: ended with %d, without %q: %s%s", command.args, done.code, command.want, done.out, done.err)
		}
		if strings.Contains(command.args, "--json") && !json.Valid([]byte(strings.Split(done.out, "\n")[0])) {
			r.t.Errorf("%s: no JSON: %s", command.args, done.out)
		}
	}
	if done := r.clearway("reload"); done.code != 3 {
		r.t.Errorf("reload ended with %d, want 3: %s", done.code, done.err)
	}
}

// Explaining moves no counter, with a daemon and without.
func TestExplainCountsNothing(t *testing.T) {
	r := newRouter(t, silent(t))
	r.run(demo())
	r.ends(toServer1, "forward")
	before := accountOf(r.status())
	explain := func() {
		for _, to := range []string{"198.51.100.2", "203.0.113.2", "192.0.2.1"} {
			if done := r.clearway("explain", "--in", "eth0", "--src", "192.0.2.2", "--dst", to); done.code != 0 {
				t.Errorf("explain ended with %d: %s", done.code, done.err)
			}
		}
	}
	explain()
	r.stop(syscall.SIGTERM)
	explain()
	r.start()
	if more := accountOf(r.status()).minus(before); len(more) > 0 {
		t.Errorf("explaining counted %v", more)
	}
}

// After detach nothing is left, and Linux goes on to forward.
func TestDetach(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	done := r.clearway("detach", "--all")
	if done.code != 1 || !strings.Contains(done.err, "stop it first") {
		t.Errorf("beside the daemon detach ended with %d: %s", done.code, done.err)
	}
	r.ends(toServer1, "forward")
	r.stop(syscall.SIGTERM)

	if done := r.clearway("detach"); done.code != 2 {
		t.Errorf("detach of nothing ended with %d, want 2", done.code)
	}
	if done := r.clearway("detach", "eth7"); done.code != 1 {
		t.Errorf("detach of an unknown interface ended with %d, want 1", done.code)
	}
	r.harmless(func() {
		if done := r.clearway("detach", "eth2"); done.code != 0 || done.out != "eth2 detached\n" {
			t.Errorf("detach eth2 ended with %d: %s%s", done.code, done.out, done.err)
		}
		r.programs(map[string]bool{"eth0": true, "eth1": true, "eth2": false})
		if done := r.clearway("detach", "--all"); done.code != 0 || done.out != "eth0 detached\neth1 detached\n" {
			t.Errorf("detach --all ended with %d: %s%s", done.code, done.out, done.err)
		}
	})
	r.programs(map[string]bool{"eth0": false, "eth1": false, "eth2": false})
	if _, err := os.Stat(r.path("bpf/clearway")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("detach left its directory: %v: %v", err, r.pins())
	}
	if done := r.clearway("detach", "--all"); done.code != 0 {
		t.Errorf("the second detach --all ended with %d: %s", done.code, done.err)
	}
	if done := r.clearway("status"); done.code != 3 {
		t.Errorf("status ended with %d, want 3: %s", done.code, done.err)
	}
	r.seen = account{} // nothing was left of that either
	r.start()
	r.ends(toServer1, "forward")
}

// programs checks which devices of the router have a program.
func (r *router) programs(want map[string]bool) {
	r.t.Helper()
	for device, has := range want {
		i, err := r.host().Interface(device)
		r.must(err)
		if (i.Program != 0) != has {
			r.t.Errorf("%s has program %d, want one: %v", device, i.Program, has)
		}
	}
}
