// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// feedAll gives a report the lines of text as a serial line would: line i
// comes i seconds after the start and ends in a carriage return.
func feedAll(text string) *report {
	r := &report{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		r.feed(line+"\r\n", time.Duration(i)*time.Second)
	}
	return r
}

func TestReportOfAGoodRun(t *testing.T) {
	got := feedAll(`
SeaBIOS
@kernels boot 6.12.1-cloud-amd64
@kernels begin smoke
=== RUN   TestOne
--- PASS: TestOne (0.00s)
    --- PASS: TestOne/part (0.00s)
PASS
@kernels end smoke 0 1250
@kernels begin e2e
--- PASS: TestTwo (0.00s)
--- SKIP: TestThree (0.00s)
--- FAIL: TestFour (0.00s)
@kernels end e2e 1 20
@kernels done`)
	want := &report{
		Release: "6.12.1-cloud-amd64",
		Boot:    time.Second,
		Done:    true,
		Sets: []*setResult{
			{Name: "smoke", Passed: 1, Ended: true, Took: 1250 * time.Millisecond, Output: []string{
				"=== RUN   TestOne", "--- PASS: TestOne (0.00s)", "    --- PASS: TestOne/part (0.00s)", "PASS"}},
			{Name: "e2e", Passed: 1, Skipped: 1, Failed: 1, Ended: true, Exit: 1, Took: 20 * time.Millisecond, Output: []string{
				"--- PASS: TestTwo (0.00s)", "--- SKIP: TestThree (0.00s)", "--- FAIL: TestFour (0.00s)"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSetProblem(t *testing.T) {
	const begin = "@kernels begin smoke\n"
	for _, row := range []struct{ output, want string }{
		{"--- PASS: TestOne (0s)\nPASS\n@kernels end smoke 0 1", ""},
		{"--- PASS: TestOne (0s)\n", "did not end"},
		{"--- PASS: TestOne (0s)\n@kernels end other 0 1", "did not end"},
		{"--- PASS: TestOne (0s)\n--- FAIL: TestTwo (0s)\n@kernels end smoke 1 1", "1 failed"},
		{"--- PASS: TestOne (0s)\npanic: test timed out\n@kernels end smoke 2 1", "exit status 2"},
		{"init: running x: no such file\n@kernels end smoke -1 1", "exit status -1"},
		{"--- PASS: TestOne (0s)\n--- SKIP: TestTwo (0s)\n@kernels end smoke 0 1", "1 skipped"},
		{"testing: warning: no tests to run\nPASS\n@kernels end smoke 0 1", "no test matched"},
		{"    --- PASS: TestOne/only-a-part (0s)\n@kernels end smoke 0 1", "no test matched"},
	} {
		s := feedAll(begin + row.output).set("smoke")
		if s == nil {
			t.Fatalf("%q: the set did not begin", row.output)
		}
		if got := s.problem(); got != row.want {
			t.Errorf("%q: problem is %q, want %q", row.output, got, row.want)
		}
	}
}

func TestReportOfInitsOwnError(t *testing.T) {
	r := feedAll("@kernels error loading module veth: no such device")
	if r.Done || r.Error != "loading module veth: no such device" {
		t.Errorf("got %+v", r)
	}
}

func TestTroubled(t *testing.T) {
	for line, want := range map[string]bool{
		"[    0.4] x86/cpu: a warning without capitals is not meant":                          false,
		"[    1.0] virtio_net virtio0 eth0: renamed":                                          false,
		"[    2.0] WARNING: CPU: 1 PID: 77 at net/core/dev.c:1":                               true,
		"[    2.1] RIP: 0010:xdp_do_redirect":                                                 false,
		"[    3.0] BUG: kernel NULL pointer dereference, address: 0":                          true,
		"[    4.0] rcu: INFO: rcu_sched self-detected stall on CPU":                           true,
		"[    5.0] unregister_netdevice: waiting for veth0 to become free. Usage count = 2":   true,
		"[    6.0] Kernel panic - not syncing: Attempted to kill init!":                       true,
		"[    7.0] general protection fault, probably for non-canonical address 0xdead: 0000": true,
	} {
		if got := troubled("[    0.1] before\n" + line + "\n[    9.9] after\n"); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}
