// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	gocmp "github.com/google/go-cmp/cmp"
)

// addr makes addresses comparable for go-cmp.
var addr = gocmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// recordSome is what programs of a generation do: they record a flow of the
// service with id 1, and count.
func recordSome(g *generation, port uint32) error {
	key := pipelineFlowKey{Service: 1, Ports: port}
	if err := g.maps("flows").Put(key, pipelineFlow{Backend: 1, Flags: flowConfirmed, Seen: 3600}); err != nil {
		return err
	}
	services := make([]pipelineServiceCounters, ebpf.MustPossibleCPU())
	if err := g.maps("service_counters").Lookup(uint32(1), &services); err != nil {
		return err
	}
	services[0].Recorded++
	return g.maps("service_counters").Put(uint32(1), services)
}

// recorded tells how many flows of recordSome are there, and how many counted.
func (r *timedRouter) recorded() (records, counted int) {
	for _, s := range r.services() {
		counted += int(s.Recorded)
	}
	return len(r.flows("flows")), counted
}

// While a change of size fails, or is cut short, flows are recorded and counted
// in the new maps for a moment.
func TestRecordsOfAFailedChangeOfSize(t *testing.T) {
	for _, row := range []struct {
		name string
		fail func(r *timedRouter, s State)
	}{
		{"failed", func(r *timedRouter, s State) {
			r.dp.hook = func(step string) error {
				if step != "manifest" {
					return nil
				}
				if err := recordSome(r.dp.gen, 2); err != nil {
					return err
				}
				return errInjected
			}
			if _, err := r.tryApply(s); !errors.Is(err, errInjected) {
				r.t.Fatal(err)
			}
			r.dp.hook = nil
		}},
		{"killed", func(r *timedRouter, s State) {
			if err := r.dp.Close(); err != nil {
				r.t.Fatal(err)
			}
			if !r.runOrders(orders{At: "carrying the counters over", Record: 2, States: []State{s}}) {
				r.t.Fatal("the process was not killed")
			}
			r.open()
			r.use()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newTimedRouter(t)
			s := r.one(nil)
			r.apply(s)
			if err := recordSome(r.dp.gen, 1); err != nil {
				t.Fatal(err)
			}
			other := s
			other.Limits.Services, other.Limits.Flows = 30, 2000
			row.fail(r, other)
			for _, next := range []State{s, other, s} {
				r.apply(next)
				if records, counted := r.recorded(); records != 2 || counted != 2 {
					t.Fatalf("%d records and a count of %d are there, want 2 and 2", records, counted)
				}
			}
		})
	}
}

// A smaller map of flows takes what it can.
func TestFlowsThatDoNotFit(t *testing.T) {
	r := newTimedRouter(t)
	s := r.one(nil)
	r.apply(s)
	for port := range uint32(500) {
		if err := recordSome(r.dp.gen, port); err != nil {
			t.Fatal(err)
		}
	}
	s.Limits.Flows = 100
	r.apply(s)
	if records, _ := r.recorded(); records != 100 {
		t.Errorf("%d records in a map of 100", records)
	}
}

// A build that keeps services in another way can't take them over.
func TestServicesOfAnotherBuild(t *testing.T) {
	r := newTimedRouter(t)
	r.apply(r.one(nil))
	r.forge(func(m *manifest) { m.Version, m.Balance = "9.9", "another" })
	before := r.snapshotOfPins()
	_, err := r.tryApply(r.one(nil))
	if err == nil || !strings.Contains(err.Error(), "from version 9.9 to test") {
		t.Errorf("%v", err)
	}
	if after := r.snapshotOfPins(); !reflect.DeepEqual(before, after) {
		t.Errorf("pins were %v, are %v", before, after)
	}
	r.forge(func(m *manifest) { m.Balance = "" })
	if _, err := r.tryApply(r.one(nil)); err != nil {
		t.Errorf("from a build without services: %v", err)
	}
}

// A process was killed before it took away what a change replaced: of two records
// of a service the one counts that packets find.
func TestTwoRecordsOfAService(t *testing.T) {
	r := newTimedRouter(t)
	s := r.one(nil)
	r.apply(s)
	for skip, step := range []string{"waiting for packets on their way", "addresses (1)"} {
		next := changedService(s, "web", func(s *Service) {
			s.Mode = map[ServiceMode]ServiceMode{IPIP: GUE, GUE: IPIP}[s.Mode]
			drain(len(step) % 3)(s)
		})
		want := next.Services[0]
		if step == "addresses (1)" {
			want = s.Services[0] // nobody has found the other one yet
		}
		r.restart()
		r.apply(s)
		if err := r.dp.Close(); err != nil {
			t.Fatal(err)
		}
		if !r.runOrders(orders{At: step, Skip: skip, States: []State{s, next}}) {
			t.Fatalf("%s: the process was not killed", step)
		}
		r.open()
		r.use()
		if got := r.service("web"); got.Mode != want.Mode {
			t.Errorf("%s: the service that packets find has mode %s, the one taken over %s", step, want.Mode, got.Mode)
		}
		r.apply(next)
		checkMaps(t, r.dp, next)
		s = next
	}
}

// A reader sees what the writer does.
func TestServicesForReaders(t *testing.T) {
	r := newTimedRouter(t)
	s := withServices(r.state)
	r.apply(s)
	var reader *Dataplane
	r.do(func() (err error) {
		reader, err = OpenReadOnly(r.bpffs)
		return err
	})
	defer reader.Close()
	for _, next := range []State{s, changedService(s, "web", drain(0)), otherServices(s), r.state, s} {
		r.apply(next)
		r.countAll()
		got, err := reader.Services()
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(r.services(), got, addr); diff != "" {
			t.Fatalf("the writer says -, the reader +:\n%s", diff)
		}
	}
	r.do(func() error {
		if _, err := reader.Tick(t.Context()); !errors.Is(err, ErrReadOnly) {
			t.Errorf("Tick of a reader: %v", err)
		}
		if _, err := reader.Preview(s); !errors.Is(err, ErrReadOnly) {
			t.Errorf("Preview of a reader: %v", err)
		}
		return nil
	})
}

func (r *timedRouter) countAll() {
	for name, one := range r.dp.gen.image.registry.services {
		if len(one.members) > 1 {
			r.countSome(name)
		}
	}
}

// TestPreview: it says what Apply then does, and does nothing.
func TestPreview(t *testing.T) {
	r := newTimedRouter(t)
	r.apply(r.state)
	last := r.state
	states := []State{withServices(r.state)}
	states = append(states, changedService(states[0], "web", drain(1)), otherServices(states[0]))
	bigger := changedService(states[0], "web", func(s *Service) { s.TableSize = 509; drain(0)(s) })
	now := bigger
	now.ResizeNow = true
	states = append(states, states[0], bigger, now, r.state)
	for i, next := range states {
		before := r.snapshot()
		preview, err := r.dp.Preview(next)
		if err != nil {
			t.Fatal(err)
		}
		r.checkSnapshot(before)
		checkMaps(t, r.dp, last)
		changes := r.apply(next)
		if diff := gocmp.Diff(changes, preview); diff != "" {
			t.Errorf("state %d: Apply says -, Preview +:\n%s", i, diff)
		}
		t.Logf("%d: %q %+v", i, changes.Lines, changes.Moves)
		last = next
		if i == 4 { // the former size stays for a while
			last = changedService(bigger, "web", func(s *Service) { s.TableSize = 251 })
		}
		r.tick(time.Second)
	}
	bad := changedService(states[0], "web", func(s *Service) { s.TableSize = 500 })
	if _, err := r.dp.Preview(bad); err == nil {
		t.Error("a state that Apply refuses")
	}
}
