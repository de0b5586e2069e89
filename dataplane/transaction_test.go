// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
	"clearway/tracking"
)

var errInjected = errors.New("injected")

// failAt makes the data path's n-th step fail, counting from 1, and returns how
// many steps were tried.
func (r *router) failAt(n int) (tried *int) {
	tried = new(int)
	r.dp.hook = func(string) error {
		if *tried++; *tried == n {
			return errInjected
		}
		return nil
	}
	return tried
}

// tryApply is apply for what may fail.
func (r *router) tryApply(s State) (changes Changes, err error) {
	r.do(func() error {
		changes, err = r.dp.Apply(context.Background(), s)
		return nil
	})
	return changes, err
}

// TestEveryStepCanFail makes the steps of a change fail, one at a time: each time
// all is as it was, the traffic goes on, and the next Apply works.
func TestEveryStepCanFail(t *testing.T) {
	for _, row := range []struct {
		name   string
		stride int // entries are written in any order, so that each run tries others
		from   func(s State) State
		to     func(s *State)
	}{
		{"change", 1, unchanged, func(*State) {}},
		{"new generation", 3, unchanged, func(s *State) { s.Limits.Ifindex = 600 }},
		{"new generation with other counters", 2, unchanged, func(s *State) { s.Limits.Interfaces = 5 }},
		{"services", 1, withServices, func(s *State) { *s = otherServices(*s) }},
		{"services, new generation", 3, withServices, func(s *State) {
			*s = otherServices(*s)
			s.Limits.Services, s.Limits.Backends, s.Limits.Flows = 30, 120, 2000
		}},
		{"first services", 3, unchanged, func(s *State) { *s = withServices(*s) }},
		{"last services", 3, withServices, func(s *State) { s.Services = nil }},
		{"punt rules", 1, withPuntRules, func(s *State) { s.Punt = otherPuntRules(*s).Punt }},
		{"first punt rules beside services", 4, withServices, func(s *State) { *s = withPuntRules(*s) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRouter(t, Native)
			from := r.state
			from.Limits = Limits{Interfaces: 4, L3Interfaces: 16, Ifindex: 500}
			from = row.from(from)
			to := otherState(from)
			row.to(&to)
			failEachStep(t, r, from, to, row.stride)
		})
	}
}

func unchanged(s State) State { return s }

// otherServices differs from withServices in all that can change.
func otherServices(s State) State {
	s = changedService(s, "web", func(s *Service) {
		s.Backends[0].Alive, s.Backends[0].Accept = false, false
		s.Backends[1] = aService("", "203.0.113.10", nil, "10.2.0.14").Backends[0]
		s.Backends = append(s.Backends, aService("", "203.0.113.10", nil, "10.2.0.15", "10.2.0.16").Backends...)
	})
	s = changedService(s, "dns", func(s *Service) { s.Mode, s.Address = GUE, netip.MustParseAddr("203.0.113.11") })
	s = changedService(s, "many", func(s *Service) { s.Ports = []uint16{2, 3, 4, 5, 6, 7, 10}; s.Backends[0].Weight = 9 })
	s.Services = slices.DeleteFunc(s.Services, func(s Service) bool { return s.Name == "rest" })
	s.Services = append(s.Services, aService("new", "203.0.113.12", nil, "10.2.0.11"))
	s.NextHops = maps.Clone(s.NextHops)
	s.NextHops[netip.MustParseAddr("10.2.0.11")] = NextHop{Egress: s.L3[1].Ifindex, MAC: MAC{2, 0, 0, 0, 2, 99}, MTU: 1400}
	s.Balance.GUEPort = 6081
	return s
}

// otherState has something else in every map, but leaves the way from the client
// to server1 as it is. eth2 goes, and eth1 is attached in generic mode.
func otherState(s State) State {
	s.Classes = maps.Clone(s.Classes)
	delete(s.Classes, netip.MustParsePrefix("224.0.0.0/4"))
	s.Classes[netip.MustParsePrefix("203.0.113.0/25")] = Block
	s.Classes[netip.MustParsePrefix("2001:db8:300::/48")] = Allow
	s.MSS = []MSSRule{{MSS: 1300}, {Prefix: netip.MustParsePrefix("198.51.100.0/24"), Egress: 9, MSS: 1200}}
	s.Options.Hairpin = true
	s.Ports = slices.Clone(s.Ports[:2])
	s.Ports[1].Mode = Generic
	s.L3 = slices.Clone(s.L3[:2])
	s.L3 = append(s.L3, L3Interface{Name: "vlan", Ifindex: 300, Port: s.Ports[0].Ifindex, VID: 300, MTU: 1400, Forward4: true, Up: true})
	return s
}

func failEachStep(t *testing.T, r *router, from, to State, stride int) {
	r.apply(from)
	stream := startFlow(t, r, 5000)
	steps := 0
	for n := 1; ; n += stride {
		before := r.snapshot()
		r.failAt(n)
		if _, err := r.tryApply(to); err == nil {
			break
		} else if !errors.Is(err, errInjected) {
			t.Fatalf("step %d: %v", n, err)
		}
		r.dp.hook = nil
		r.checkSnapshot(before)
		checkMaps(t, r.dp, from)
		checkLinks(t, r, from)
		if n%12 == 1 { // the whole way there and back
			r.apply(to)
			checkMaps(t, r.dp, to)
			r.apply(from)
			checkMaps(t, r.dp, from)
		}
		steps = n
	}
	r.dp.hook = nil
	if steps < 15 {
		t.Errorf("only %d steps were there to fail", steps)
	}
	checkMaps(t, r.dp, to)
	checkLinks(t, r, to)
	stopFlow(t, r, stream)
}

// TestFirstApplyCanFail: with nothing there before, nothing is left.
func TestFirstApplyCanFail(t *testing.T) {
	r := newRouter(t, Native)
	s := r.state
	s.Limits = Limits{Interfaces: 4, L3Interfaces: 16, Ifindex: 500}
	steps := 0
	for n := 1; ; n++ {
		before := openFiles(t)
		r.failAt(n)
		_, err := r.tryApply(s)
		if err == nil {
			break
		}
		if !errors.Is(err, errInjected) {
			t.Fatalf("step %d: %v", n, err)
		}
		if pins := topotest.Pins(t, r.bpffs); len(pins) > 0 {
			t.Fatalf("step %d: left %v", n, pins)
		}
		checkNoPrograms(t, r)
		if after := openFiles(t); after != before {
			t.Fatalf("step %d: %d open files, were %d", n, after, before)
		}
		if _, err := r.dp.Stats(); !errors.Is(err, ErrNotLoaded) {
			t.Fatalf("step %d: Stats after a failure: %v", n, err)
		}
		steps = n
	}
	if steps < 12 {
		t.Errorf("only %d steps were there to fail", steps)
	}
	checkMaps(t, r.dp, s)
	checkLinks(t, r, s)
}

// A context that ends in the middle is a failure like any other.
func TestApplyEndsWithItsContext(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	before := r.snapshot()
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	r.dp.hook = func(string) error {
		if steps++; steps == 10 {
			cancel()
		}
		return nil
	}
	r.do(func() error {
		if _, err := r.dp.Apply(ctx, otherState(r.state)); !errors.Is(err, context.Canceled) {
			return fmt.Errorf("Apply: %w", err)
		}
		return nil
	})
	if steps != 10 {
		t.Errorf("%d steps were made, the tenth ended the context", steps)
	}
	r.checkSnapshot(before)
}

// snapshot is what a failed Apply must not change.
type snapshot struct {
	Maps     []string
	Slots    map[string][]tracking.Slot // by service
	Manifest manifest
	Pins     []string
	Programs map[string]uint32 // by port
	Files    int
}

func (r *router) snapshot() snapshot {
	r.t.Helper()
	m, err := r.dp.root.readManifest()
	if err != nil {
		r.t.Fatal(err)
	}
	s := snapshot{Maps: readBack(r.t, r.dp), Slots: readSlots(r.t, r.dp), Manifest: *m, Pins: topotest.Pins(r.t, r.bpffs), Programs: r.programs(), Files: openFiles(r.t)}
	s.Manifest.Carried = nil // goes on: see TestCountersOfAFailedChangeOfSize
	for i := range s.Manifest.Ports {
		s.Manifest.Ports[i].Link = 0 // a port that was attached again has another link
	}
	return s
}

func (r *router) checkSnapshot(before snapshot) {
	r.t.Helper()
	if diff := gocmp.Diff(before, r.snapshot(), gocmp.AllowUnexported(manifest{}, sizes{})); diff != "" {
		r.t.Fatalf("not as before (- before, + after):\n%s", diff)
	}
	for _, p := range r.dp.manifest.Ports {
		if l := r.dp.links[p.Name]; l == nil || l.portRecord != p {
			r.t.Fatalf("the manifest says %+v, the link is %+v", p, l)
		}
	}
}

// programs are the kernel's numbers of what is attached.
func (r *router) programs() map[string]uint32 {
	r.t.Helper()
	all := map[string]uint32{}
	for _, name := range []string{"eth0", "eth1", "eth2"} {
		i, err := r.Host("router").Interface(name)
		if err != nil {
			r.t.Fatal(err)
		}
		if i.Program != 0 {
			all[name] = i.Program
		}
	}
	return all
}

func checkNoPrograms(t *testing.T, r *router) {
	t.Helper()
	if p := r.programs(); len(p) > 0 {
		t.Fatalf("programs are attached: %v", p)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// startFlow sends from the client to server1, through eth0 and eth1.
func startFlow(t *testing.T, r *router, rate int) *wire.Stream {
	t.Helper()
	stream, err := wire.Flow{From: r.Host("client"), To: r.Host("server1"), Source: netip.AddrPortFrom(topo.DemoClient4, 4000),
		Destination: netip.AddrPortFrom(topo.DemoServer14, 5000), Rate: rate}.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); stream.Received() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return stream
}

// stopFlow: not one packet may be lost, doubled or altered.
func stopFlow(t *testing.T, r *router, stream *wire.Stream) {
	t.Helper()
	report, err := stream.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if report.Lost+report.Doubled+report.Altered != 0 {
		t.Error(report.Err())
	}
	t.Log(report)
	if forwarded := r.reasons("eth0")["forward"]; forwarded < report.Sent*9/10 {
		t.Errorf("%d of %d packets took the fast path", forwarded, report.Sent)
	}
}
