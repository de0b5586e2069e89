// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
)

// orders tell another process what to apply, and at which step to die.
type orders struct {
	BPFFS  string
	States []State
	Step   int
	At     string // or the step of this name,
	Skip   int    // after so many of that name
	Record uint32 // a flow with these ports just before, if not 0
}

const ordersEnv = "CLEARWAY_TEST_ORDERS" // the file they are in

// TestProcessThatIsKilled is the other process of runKilled, and empty in others.
func TestProcessThatIsKilled(t *testing.T) {
	path := os.Getenv(ordersEnv)
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o orders
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	d, err := Open(Config{BPFFS: o.BPFFS, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	steps := 0
	d.hook = func(step string) error {
		if step == o.At {
			o.Skip--
		}
		if steps++; steps == o.Step || step == o.At && o.Skip < 0 {
			if o.Record != 0 {
				if err := recordSome(d.gen, o.Record); err != nil {
					return err
				}
			}
			unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		return nil
	}
	for _, s := range o.States {
		if _, err := d.Apply(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// runKilled applies states in a process of its own, which is killed at a step.
// It returns whether it came to that.
func (r *router) runKilled(step int, states ...State) (killed bool) {
	r.t.Helper()
	return r.runOrders(orders{States: states, Step: step})
}

func (r *router) runOrders(o orders) (killed bool) {
	r.t.Helper()
	o.BPFFS = r.bpffs
	path := filepath.Join(r.t.TempDir(), "orders")
	text, err := json.Marshal(o)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestProcessThatIsKilled$")
	cmd.Env = append(os.Environ(), ordersEnv+"="+path)
	if err := r.Host("router").Start(cmd); err != nil {
		r.t.Fatal(err)
	}
	err = cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if err != nil && status.Signal() != syscall.SIGKILL {
		r.t.Fatalf("the other process: %v", err)
	}
	return err != nil
}

// TestKilledInTheMiddle: a process is killed at any step of its first Apply, or
// of one that follows. The traffic goes on, and the next process finds its way.
func TestKilledInTheMiddle(t *testing.T) {
	for _, row := range []struct {
		name       string
		interfaces int // 4 before
		from       func(State) State
		to         func(State) State
	}{
		{"same counters", 4, unchanged, unchanged},
		{"other counters", 5, unchanged, unchanged},
		{"services", 4, withServices, otherServices},
		{"punt rules", 4, withPuntRules, otherPuntRules},
		{"services, other counters", 5, withServices, func(s State) State {
			s.Limits.Services, s.Limits.Backends, s.Limits.Flows = 30, 120, 2000
			return otherServices(s)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			rng := testkit.Rand(t)
			r := newRouter(t, Native)
			w := newWires(t, r)
			from := r.state
			from.Limits = Limits{Interfaces: 4, L3Interfaces: 16, Ifindex: 500}
			from = row.from(from)
			to := row.to(otherState(from))
			to.Limits.Interfaces = row.interfaces
			r.apply(from)
			stream := startFlow(t, r, flowRate)
			var sent uint64
			kills := 0
			for range 7 {
				sent += w.send("eth0", 2)
				if err := r.dp.Close(); err != nil {
					t.Fatal(err)
				}
				step := 1 + rng.IntN(40)
				if r.runKilled(step, to, from) {
					kills++
				}
				sent += w.send("eth0", 3)
				r.open()
				r.apply(from)
				sent += w.send("eth0", 4)
				checkAfterKill(t, r, from, fmt.Sprintf("step %d", step))
				if got := r.counted("eth0", "pass_not_ip", sent); got != sent {
					t.Fatalf("step %d: %d frames are counted, %d were sent", step, got, sent)
				}
			}
			if kills < 4 {
				t.Errorf("only %d of 7 processes were killed in the middle", kills)
			}
			stopFlow(t, r, stream)
		})
	}
}

func checkAfterKill(t *testing.T, r *router, s State, when string) {
	t.Helper()
	t.Log(when)
	r.checkAlone()
	checkMaps(t, r.dp, s)
	checkLinks(t, r, s)
}
