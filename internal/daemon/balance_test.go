// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/health"
)

// balanced is a service with three backends that are checked.
const balanced = `
interfaces: [{name: eth0}, {name: eth1}]
balance:
  services:
    - name: web
      address: 203.0.113.10
      protocol: tcp
      ports: [80]
      health: {type: tcp}
      backends: [{address: 10.2.0.11}, {address: 10.2.0.12}, {address: 10.2.0.13, weight: 3}]
`

// unchecked is the same without the checks.
var unchecked = strings.Replace(balanced, "      health: {type: tcp}\n", "", 1)

func web(n byte) health.Key {
	return health.Key{Service: "web", Address: netip.AddrFrom4([4]byte{10, 2, 0, n})}
}

// backends are those of the state applied last, as state, and + if it accepts or
// - if its flows must move.
func (d *fakeDataplane) backends() (texts []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.last().Services {
		for _, b := range s.Backends {
			text := b.State.String()
			switch {
			case b.Accept:
				text += "+"
			case !b.Alive:
				text += "-"
			}
			texts = append(texts, text)
		}
	}
	return texts
}

func (d *fakeDataplane) expect(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := d.backends(); !slices.Equal(got, want) {
		t.Errorf("%s the backends are %v, want %v", when, got, want)
	}
}

// loop is a reconciler that runs in a bubble, with a configuration loaded.
func loop(t *testing.T, text string, prepare ...func(*reconciler)) *reconciler {
	t.Helper()
	r := newReconciler(&fakeDataplane{}, newFakeMachine("eth0", "eth1"), "/nonexistent")
	for _, p := range prepare {
		p(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := r.readFormer(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.load(ctx, []byte(text), false); err != nil {
		t.Fatal(err)
	}
	go r.Run(ctx, make(chan struct{}))
	t.Cleanup(func() { cancel(); <-r.stopped })
	synctest.Wait()
	return r
}

func fakesOf(r *reconciler) (*fakeDataplane, *fakeHealth) {
	return r.dataplane.(*fakeDataplane), r.health.(*fakeHealth)
}

// Changes of health that come together make one change of the table.
func TestHealthIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := loop(t, balanced)
		d, h := fakesOf(r)
		d.expect(t, "at first", "unknown-", "unknown-", "unknown-")
		if len(h.checks) != 3 {
			t.Errorf("%d checks are set, want 3", len(h.checks))
		}
		h.find(health.View{web(11): health.Up})
		time.Sleep(gather / 2)
		h.find(health.View{web(12): health.Up, web(13): health.Up})
		time.Sleep(gather/2 + time.Millisecond)
		synctest.Wait()
		d.expect(t, "then", "active+", "active+", "active+")
		if got := r.snapshot().applies.OK; got != 2 {
			t.Errorf("applied %d times, want 2", got)
		}
		for _, row := range []struct {
			found health.Status
			want  string
		}{{health.Down, "down"}, {health.Gone, "down-"}, {health.Up, "active+"}} {
			h.find(health.View{web(12): row.found})
			time.Sleep(gather + time.Millisecond)
			synctest.Wait()
			d.expect(t, row.found.String(), "active+", row.want, "active+")
		}
	})
}

// What a former process left holds until the checks say otherwise; the operator's
// orders hold anyway. Backends that had left their service are gone.
func TestTakesOverFromAFormerProcess(t *testing.T) {
	at := func(n byte, state dataplane.BackendState, alive bool, order dataplane.Order) dataplane.BackendStats {
		return dataplane.BackendStats{Address: web(n).Address, State: state, Alive: alive, Order: order}
	}
	synctest.Test(t, func(t *testing.T) {
		removed := at(13, dataplane.Disabled, false, dataplane.OrderDisable)
		removed.Removed = true
		r := loop(t, balanced, func(r *reconciler) {
			r.dataplane.(*fakeDataplane).former = []dataplane.ServiceStats{{Name: "web", Backends: []dataplane.BackendStats{
				at(11, dataplane.Draining, true, dataplane.OrderDrain), at(12, dataplane.Down, true, dataplane.NoOrder), removed,
			}}}
		})
		d, h := fakesOf(r)
		d.expect(t, "after the start", "draining", "down", "unknown-")
		if got := h.View(); got[web(11)] != health.Up || got[web(12)] != health.Down || got[web(13)] != health.Unknown {
			t.Errorf("the checks begin with %v", got)
		}
		h.find(health.View{web(11): health.Up, web(12): health.Up, web(13): health.Up})
		time.Sleep(gather + time.Millisecond)
		synctest.Wait()
		d.expect(t, "once all are up", "draining", "active+", "active+")
	})
}

func TestStatusOfBackend(t *testing.T) {
	for _, row := range []struct {
		state dataplane.BackendState
		alive bool
		want  health.Status
	}{
		{dataplane.Unknown, false, health.Unknown}, {dataplane.Active, true, health.Up}, {dataplane.Draining, true, health.Up},
		{dataplane.Draining, false, health.Gone}, {dataplane.Down, true, health.Down}, {dataplane.Down, false, health.Gone},
		{dataplane.Disabled, false, health.Unknown},
	} {
		if got := statusOfBackend(dataplane.Backend{State: row.state, Alive: row.alive}); got != row.want {
			t.Errorf("%v, alive %v: %v, want %v", row.state, row.alive, got, row.want)
		}
	}
}

// A service that gets a health check keeps its backends until they have been
// checked.
func TestChecksAreAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := loop(t, unchecked)
		d, _ := fakesOf(r)
		d.expect(t, "without checks", "active+", "active+", "active+")
		if _, err := r.load(t.Context(), []byte(balanced), false); err != nil {
			t.Fatal(err)
		}
		d.expect(t, "with checks", "active+", "active+", "active+")
	})
}

// Health checks are steered before they are sent; where that fails it is warned
// of and tried again.
func TestChecksAreSteered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProber{fail: errors.New("no room")}
		r := loop(t, balanced, func(r *reconciler) { r.prober = p })
		_, h := fakesOf(r)
		if !slices.Equal(p.devices, []int{2}) || len(p.targets) != 3 {
			t.Errorf("probes are steered on devices %v to %d targets", p.devices, len(p.targets))
		}
		for _, c := range h.checks {
			if p.targets[c.Mark].Address != c.Key.Address {
				t.Errorf("the probe of %v is sent to %v", c.Key, p.targets[c.Mark])
			}
		}
		warned := func() bool {
			return slices.ContainsFunc(r.snapshot().warnings, func(w control.Warning) bool { return w.Text == "no room" })
		}
		if !warned() {
			t.Errorf("no warning: %v", r.snapshot().warnings)
		}
		p.mu.Lock()
		p.fail = nil
		p.mu.Unlock()
		time.Sleep(firstRetry + time.Millisecond)
		synctest.Wait()
		if warned() {
			t.Error("it was not tried again")
		}
	})
}

func TestChecksWithoutAProber(t *testing.T) {
	i := newInstance(t, balanced)
	i.prober.missing = dataplane.ErrNoProbes
	i.start()
	for _, c := range i.health.checks {
		if c.Mark != 0 || c.Target.Addr() != c.Key.Address {
			t.Errorf("%v is checked by %+v, want it straight", c.Key, c)
		}
	}
	if !slices.ContainsFunc(i.status().Warnings, func(w control.Warning) bool { return strings.Contains(w.Text, "Linux 6.6") }) {
		t.Errorf("no warning: %v", i.status().Warnings)
	}
	if strings.Contains(i.log.String(), "could not load") {
		t.Errorf("an old kernel is no error:\n%s", i.log)
	}
}

// Time goes on while nothing else happens. What keeps failing is logged once.
func TestTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lockedBuffer{}
		r := loop(t, balanced, func(r *reconciler) { r.log, _ = newLog(log, 0) })
		d, _ := fakesOf(r)
		d.mu.Lock()
		d.tickErr = errors.New("map is gone")
		d.mu.Unlock()
		time.Sleep(3*tickEvery + time.Millisecond)
		synctest.Wait()
		if d.ticks != 3 || strings.Count(log.String(), "map is gone") != 1 {
			t.Errorf("%d ticks in three seconds; the log:\n%s", d.ticks, log)
		}
		if got := r.snapshot().applies; got != (control.Applies{OK: 1}) {
			t.Errorf("that counted as a change: %+v", got)
		}
	})
}

func TestServices(t *testing.T) {
	i := newInstance(t, balanced).start()
	i.health.find(health.View{web(11): health.Up})
	i.eventually("a backend is up", func() bool { return slices.Contains(i.dataplane.backends(), "active+") })
	got, err := i.client.Services(context.Background())
	up := &control.Health{Status: "up"}
	unknown := &control.Health{Status: "unknown"}
	want := []control.Service{{Name: "web", Address: "203.0.113.10", Protocol: "tcp", Ports: []uint16{80}, TableSize: 16381, TrackFull: 3,
		Backends: []control.Backend{
			{Address: "10.2.0.11", State: "active", Order: "none", Weight: 1, Packets: 7, Bytes: 700, Health: up},
			{Address: "10.2.0.12", State: "unknown", Order: "none", Weight: 1, Packets: 7, Bytes: 700, Health: unknown},
			{Address: "10.2.0.13", State: "unknown", Order: "none", Weight: 3, Packets: 7, Bytes: 700, Health: unknown},
		}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff(want, i.status().Services); diff != "" {
		t.Errorf("in the status:\n%s", diff)
	}
	if !i.health.running {
		t.Error("the checks don't run")
	}
	i.stop()
	<-i.done
	if !i.prober.closed {
		t.Error("the prober was not closed")
	}
}

func TestServicesOf(t *testing.T) {
	got := servicesOf([]dataplane.ServiceStats{{Name: "dns", Address: netip.MustParseAddr("2001:db8::53"), Protocol: dataplane.UDP,
		Settled: 1, Moving: 2, Tail: 3, Resizing: true, FailOpen: true, Recorded: 4, Dropped: dataplane.Counter{Packets: 5, Bytes: 6},
		Backends: []dataplane.BackendStats{{Address: web(11).Address, State: dataplane.Disabled, Removed: true, Resolved: true, Slots: 9}},
	}}, nil)
	want := []control.Service{{Name: "dns", Address: "2001:db8::53", Protocol: "udp", Ports: []uint16{},
		Slots: control.Slots{Settled: 1, Moving: 2, Tail: 3}, Resizing: true, FailOpen: true, Recorded: 4,
		Dropped:  control.Counter{Packets: 5, Bytes: 6},
		Backends: []control.Backend{{Address: "10.2.0.11", State: "removed", Order: "none", Resolved: true, Slots: 9}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := servicesOf(nil, nil); got == nil {
		t.Error("no services are null in JSON")
	}
}
