// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/netstate"
	"clearway/internal/testkit"
)

func TestReload(t *testing.T) {
	testkit.RequireRoot(t) // as who reloads
	i := newInstance(t, twoPorts).start()
	ctx := context.Background()

	done, err := i.client.Reload(ctx, control.ReloadRequest{File: []byte(i.config("interfaces: [{name: eth1}]"))})
	if err != nil || done.Generation != 2 || !slices.Equal(done.Changes, []string{"1 ports"}) {
		t.Errorf("reload: %+v, %v", done, err)
	}
	if got := i.dataplane.ports(); !slices.Equal(got, []string{"eth1"}) {
		t.Errorf("after a reload the ports are %v", got)
	}
	// Without bytes the daemon reads its own file.
	if _, err := i.client.Reload(ctx, control.ReloadRequest{}); err != nil {
		t.Error(err)
	}
	if got := i.dataplane.ports(); !slices.Equal(got, []string{"eth0", "eth1"}) {
		t.Errorf("after a reload of its own file the ports are %v", got)
	}
}

// A reload that fails leaves the old configuration in force, also for the
// changes of the machine that follow.
func TestFailedReloadKeepsTheOldState(t *testing.T) {
	testkit.RequireRoot(t)
	for _, row := range []struct {
		name, text string
		apply      error
		problems   int
	}{
		{"not YAML", "interfaces: [", nil, 1},
		{"unknown interface", "interfaces: [{name: eth0}, {name: eth7}]\nforward: {allow: [192.0.2.0/24]}", nil, 1},
		{"plan refuses", "interfaces: [{name: lo}]", nil, 0},
		{"apply fails", "interfaces: [{name: eth2}]", errors.New("map is full"), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := newInstance(t, twoPorts)
			loopback := fakeLink("lo", 9)
			loopback.Ethernet = false
			i.machine.links = append(i.machine.links, loopback)
			i.start()
			i.dataplane.setFail(row.apply)

			_, err := i.client.Reload(context.Background(), control.ReloadRequest{File: []byte(i.config(row.text))})
			var refusal *control.Error
			if !errors.As(err, &refusal) || len(refusal.Problems) != row.problems {
				t.Fatalf("reload: %#v, want an *Error with %d problems", err, row.problems)
			}
			if d := i.status().Daemon; d.Applies != (control.Applies{OK: 1, Failed: 1}) || d.LastApply.Error != refusal.Message {
				t.Errorf("status after it: %+v", d)
			}
			i.dataplane.setFail(nil)
			i.machine.set(i.machine.links...)
			i.eventually("the change is followed", func() bool { return i.status().Daemon.Applies.OK == 2 })
			if got := i.dataplane.ports(); !slices.Equal(got, []string{"eth0", "eth1"}) {
				t.Errorf("then the ports are %v, want those of the old configuration", got)
			}
		})
	}
}

func TestInterfaceVanishesAndReturns(t *testing.T) {
	i := newInstance(t, twoPorts).start()
	state := func(name string) string {
		for _, x := range i.status().Interfaces {
			if x.Name == name {
				return x.State
			}
		}
		return "not listed"
	}
	i.machine.set(fakeLink("eth0", 1))
	i.eventually("eth1 is given up", func() bool { return slices.Equal(i.dataplane.ports(), []string{"eth0"}) })
	i.eventually("eth1 is said to be missing", func() bool { return state("eth1") == control.Missing })
	if len(i.status().Warnings) == 0 {
		t.Error("no warning of the missing interface")
	}
	i.machine.set(fakeLink("eth0", 1), fakeLink("eth1", 17))
	i.eventually("eth1 is taken again", func() bool { return slices.Equal(i.dataplane.ports(), []string{"eth0", "eth1"}) })
	i.eventually("eth1 is said to be attached", func() bool { return state("eth1") == control.Attached })
	if got := i.dataplane.last().Ports[1].Ifindex; got != 17 {
		t.Errorf("eth1 was taken with ifindex %d, want the new one, 17", got)
	}
}

// A port that becomes unfit must not keep the others from being followed.
func TestInterfaceBecomesUnfit(t *testing.T) {
	i := newInstance(t, twoPorts).start()
	unfit := fakeLink("eth1", 2)
	unfit.LRO = true
	i.machine.set(fakeLink("eth0", 1), unfit)
	i.eventually("eth1 is given up", func() bool { return slices.Equal(i.dataplane.ports(), []string{"eth0"}) })
	i.eventually("it is said how to put eth1 right", func() bool {
		return slices.ContainsFunc(i.status().Warnings, func(w control.Warning) bool { return strings.Contains(w.Text, "ethtool -K eth1 lro off") })
	})
	i.machine.set(fakeLink("eth0", 1), fakeLink("eth1", 2))
	i.eventually("eth1 is taken again", func() bool { return slices.Equal(i.dataplane.ports(), []string{"eth0", "eth1"}) })
}

// A port that can't be attached doesn't keep the rest from being followed, and
// is tried again.
func TestFollowsBesideAPortThatIsRefused(t *testing.T) {
	d, m := &fakeDataplane{}, newFakeMachine("eth0", "eth1")
	r := newReconciler(d, m, t.TempDir())
	if _, err := r.load(t.Context(), []byte(twoPorts), false); err != nil {
		t.Fatal(err)
	}
	d.refuse = "eth1"
	if err := r.follow(t.Context()); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("got %v, want why eth1 is refused, for a retry", err)
	}
	if got := d.ports(); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("ports %v, want eth0 alone", got)
	}
	if got := r.snapshot().warnings; len(got) != 1 || got[0].Place != "eth1" {
		t.Errorf("warnings %v", got)
	}
	d.refuse = ""
	if err := r.follow(t.Context()); err != nil || len(d.ports()) != 2 {
		t.Errorf("once it is free: %v, ports %v", err, d.ports())
	}
}

// Where the kernel doesn't announce which devices take frames, the daemon looks
// again after it has attached, until nothing changes any more.
func TestLooksAgainWhereRedirectsAreGuessed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d, m := &fakeDataplane{}, newFakeMachine("eth0", "eth1")
		m.guesses = true
		r := newReconciler(d, m, dir)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := r.load(ctx, []byte(twoPorts), false); err != nil {
			t.Fatal(err)
		}
		go r.Run(ctx, make(chan struct{}))
		synctest.Wait()
		if !d.last().L3[1].RedirectNative {
			t.Error("eth1 takes frames by now, but that was not seen")
		}
		if got := r.snapshot().applies.OK; got != 3 {
			t.Errorf("applied %d times, want 3: at first, with what changed, and without a change", got)
		}
		cancel()
		<-r.stopped
	})
}

// What could not be followed is tried again, less and less often.
func TestRetry(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d, m := &fakeDataplane{}, newFakeMachine("eth0", "eth1")
		r := newReconciler(d, m, dir)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := r.load(ctx, []byte(twoPorts), false); err != nil {
			t.Fatal(err)
		}
		m.changes = make(chan struct{}, 1) // of this bubble
		go r.Run(ctx, m.changes)

		d.setFail(errors.New("busy"))
		m.changes <- struct{}{}
		for _, row := range []struct {
			after  time.Duration
			failed uint64
		}{{0, 1}, {firstRetry, 2}, {2 * firstRetry, 3}, {4 * firstRetry, 4}} {
			time.Sleep(row.after + time.Millisecond)
			synctest.Wait()
			if got := r.snapshot().applies.Failed; got != row.failed {
				t.Errorf("%v later: %d failed, want %d", row.after, got, row.failed)
			}
		}
		d.setFail(nil)
		time.Sleep(2 * lastRetry)
		synctest.Wait()
		if got := r.snapshot().applies; got.OK != 2 || got.Failed != 4 {
			t.Errorf("once it works: %+v, want 2 done, the start's and the last try, and 4 failed", got)
		}
		cancel()
		<-r.stopped
		if err := r.do(context.Background(), func(context.Context) {}); !errors.Is(err, errStopping) {
			t.Errorf("asking a loop that has ended: %v", err)
		}
	})
}

func newReconciler(d Dataplane, m Machine, dir string) *reconciler {
	return &reconciler{dataplane: d, machine: m, health: newFakeHealth(), offloads: newOffloads(dir, m), log: slog.New(slog.DiscardHandler),
		level: new(slog.LevelVar), jobs: make(chan func(context.Context)), stopped: make(chan struct{})}
}

func TestVLANOffload(t *testing.T) {
	testkit.RequireRoot(t)
	i := newInstance(t, twoPorts)
	vlan := fakeLink("eth1.100", 8)
	vlan.Type, vlan.Parent, vlan.VID, vlan.VLANProtocol = "vlan", 2, 100, 0x8100
	i.machine.links[1].RXVLANOffload = true
	i.machine.links = append(i.machine.links, vlan)
	i.machine.stripped[2] = true
	i.start()

	record := filepath.Join(i.dir, "bpf", "offloads", "2")
	stripped := func() bool { i.machine.mu.Lock(); defer i.machine.mu.Unlock(); return i.machine.stripped[2] }
	if _, err := os.Stat(record); err != nil || stripped() {
		t.Errorf("eth1, with a VLAN: stripping %v, record: %v", stripped(), err)
	}
	if _, err := i.client.Reload(context.Background(), control.ReloadRequest{File: []byte(i.config("interfaces: [{name: eth0}]"))}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(record); !errors.Is(err, os.ErrNotExist) || !stripped() {
		t.Errorf("after eth1 was given up: stripping %v, record: %v", stripped(), err)
	}
	// A failing apply takes back what was done for it.
	i.dataplane.setFail(errors.New("busy"))
	if _, err := i.client.Reload(context.Background(), control.ReloadRequest{File: []byte(i.config(twoPorts))}); err == nil {
		t.Fatal("a failing apply was reported as done")
	}
	if _, err := os.Stat(record); !errors.Is(err, os.ErrNotExist) || !stripped() {
		t.Errorf("after a failing apply: stripping %v, record: %v", stripped(), err)
	}
}

func TestOffloadOfAVanishedDevice(t *testing.T) {
	m := newFakeMachine("eth0")
	o := newOffloads(t.TempDir(), m)
	if _, err := o.off([]int{1}); err != nil {
		t.Fatal(err)
	}
	m.links = nil
	if err := o.restoreExcept(nil); err != nil {
		t.Error(err)
	}
	if left, err := o.recorded(); err != nil || len(left) > 0 {
		t.Errorf("recorded are still %v, %v", left, err)
	}
	m.links = []netstate.Link{fakeLink("eth0", 1)}
	if _, err := o.off([]int{1, 2}); err == nil {
		t.Error("an offload that can't be switched was reported as off")
	}
	if !m.stripped[1] {
		t.Error("the first device was left switched off")
	}
	if err := o.restoreExcept([]dataplane.Port{{Ifindex: 1}}); err != nil {
		t.Error(err)
	}
}

func TestWarnings(t *testing.T) {
	i := newInstance(t, "interfaces: [{name: eth0}]\nforward: {allow: [198.51.100.7/24]}").start()
	warned := func(place, text string) func() bool {
		return func() bool {
			return slices.ContainsFunc(i.status().Warnings, func(w control.Warning) bool {
				return w.Place == place && strings.Contains(w.Text, text)
			})
		}
	}
	i.eventually("the prefix is warned of", warned("line 3", "198.51.100.0/24"))
	i.machine.set(fakeLink("eth1", 2))
	i.eventually("the missing interface is warned of", warned("eth0", "doesn't exist"))
	i.eventually("and still the prefix", warned("line 3", "198.51.100.0/24"))
}

func TestReloadSetsTheLogLevel(t *testing.T) {
	r := newReconciler(&fakeDataplane{}, newFakeMachine("eth0", "eth1"), t.TempDir())
	for _, level := range []string{"debug", "error"} {
		if _, err := r.load(t.Context(), []byte("runtime: {log: "+level+"}\n"+twoPorts), false); err != nil {
			t.Fatal(err)
		}
		if got := strings.ToLower(r.level.Level().String()); got != level {
			t.Errorf("the level is %s, want %s", got, level)
		}
	}
}

func TestNeedRestart(t *testing.T) {
	first := config.Runtime{BPFFS: "/a", Socket: "/b", Metrics: "c"}
	if got := needRestart(first, first); len(got) > 0 {
		t.Errorf("nothing changed: %v", got)
	}
	got := needRestart(first, config.Runtime{BPFFS: "/x", Socket: "/b", Metrics: "", Log: slog.LevelDebug})
	if len(got) != 2 || got[0].Place != "runtime.bpffs" || got[1].Place != "runtime.metrics" {
		t.Errorf("bpffs and metrics changed: %v", got)
	}
}
