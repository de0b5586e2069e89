// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"clearway/internal/testkit"
)

// TestNextHopsChangeUnseen: what packets may be reading of a next hop is hidden
// first, and nobody looks at it while it changes.
func TestNextHopsChangeUnseen(t *testing.T) {
	r := newTimedRouter(t)
	s := withServices(r.state)
	r.apply(s)
	moved := s
	moved.NextHops = maps.Clone(s.NextHops)
	a, unresolved := netip.MustParseAddr("10.2.0.11"), netip.MustParseAddr("10.2.0.12")
	moved.NextHops[a] = NextHop{Egress: s.L3[2].Ifindex, MAC: MAC{2, 9, 9, 9, 9, 9}, MTU: 1300}
	delete(moved.NextHops, unresolved)
	var steps []string
	r.dp.hook = func(step string) error {
		steps = append(steps, step)
		for _, b := range readArray[pipelineBackend](t, r.dp.gen.maps("backends")) {
			resolved := b.Flags&uint16(pipelineBackendBitBACKEND_RESOLVED) != 0
			if old := b.Mtu == 1500; b.Address == wireWords(a) && resolved != (old && step == "hiding next hops (4)" || !old && step == "manifest") {
				t.Errorf("before step %q a backend is resolved %t, with MTU %d", step, resolved, b.Mtu)
			}
		}
		return nil
	}
	r.apply(moved)
	r.dp.hook = nil
	const wait = "waiting for packets on their way"
	want := []string{"hiding next hops (4)", wait, "next hops (4)", wait, "backends (3)", "manifest"}
	if !slices.Equal(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
	checkMaps(t, r.dp, moved)
}

// TestStepsOfServices: what is pointed to is there first and goes last, and both
// ways packets on their way are waited for in between.
func TestStepsOfServices(t *testing.T) {
	r := newTimedRouter(t)
	s := withServices(r.state)
	r.apply(s)
	more := s
	more.Services = append(slices.Clone(s.Services), aService("more", "203.0.113.30", []uint16{80}, "10.2.0.11"))
	var steps []string
	r.dp.hook = func(step string) error { steps = append(steps, step); return nil }
	check := func(s State, want ...string) {
		t.Helper()
		steps = nil
		r.apply(s)
		if want = append(want, "manifest"); !slices.Equal(steps, want) {
			t.Errorf("steps\n%q, want\n%q", steps, want)
		}
	}
	check(more, "new counters", "service notes (1)", "backends (1)", "tables (1)", "services (1)", "addresses (1)", "services are there",
		"prefixes (1 changed)")
	check(s, "prefixes (1 changed)", "waiting for packets on their way", "clearing addresses (1)", "clearing services (1)",
		"clearing tables (1)", "clearing backends (1)", "clearing service notes (1)")
}

// TestOuterHash: the map of tables may be a hash; it takes another generation.
func TestOuterHash(t *testing.T) {
	r := newTimedRouter(t)
	s := withServices(r.state)
	first := r.apply(s)
	s.Balance.OuterHash = true
	if c := r.apply(s); c.Generation == first.Generation {
		t.Error("no other generation")
	}
	if got := r.dp.gen.maps("tables").Type(); got != ebpf.HashOfMaps {
		t.Errorf("the map of tables is of type %v", got)
	}
	checkMaps(t, r.dp, s)
	for _, next := range []State{otherServices(s), s} {
		r.apply(next)
		checkMaps(t, r.dp, next)
	}
	r.restart()
	r.apply(s)
	checkMaps(t, r.dp, s)
}

// TestWithoutBatches writes as kernels without batches need it.
func TestWithoutBatches(t *testing.T) {
	testkit.RequireRoot(t)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 16, MaxEntries: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	cpus := ebpf.MustPossibleCPU()
	full := make([]pipelineCounter, cpus)
	for i := range full {
		full[i] = pipelineCounter{Packets: 1, Bytes: 2}
	}
	if err := putEach(m, []uint32{0, 1, 2, 3, 4}, [][]pipelineCounter{full, full, full, full, full}); err != nil {
		t.Fatal(err)
	}
	if err := zeroEach(m, []uint32{1, 3}, make([]pipelineCounter, cpus)); err != nil {
		t.Fatal(err)
	}
	if err := zeroAll[pipelineCounter](m, []uint32{4}); err != nil {
		t.Fatal(err)
	}
	for key, want := range []bool{true, false, true, false, false} {
		var got []pipelineCounter
		if err := m.Lookup(uint32(key), &got); err != nil {
			t.Fatal(err)
		}
		if set := slices.Equal(got, full); set != want {
			t.Errorf("entry %d is %v", key, got)
		}
	}
}

// TestRandomServices goes from one random state to another, with restarts, sweeps
// and changes of size between: the maps always hold what the state says, and no
// number is anyone else's before its time.
func TestRandomServices(t *testing.T) {
	rng := testkit.Rand(t)
	r := newTimedRouter(t)
	last := numbersSeen{}
	for round := range 20 {
		s := randomServices(rng, r.state)
		if rng.IntN(8) == 0 {
			r.restart() // no record names anyone: all numbers that are not in use are free
			last = numbersSeen{}
		}
		r.apply(s)
		s = inUse(r, s)
		checkMaps(t, r.dp, s)
		last.check(t, round, &r.dp.gen.image.registry)
		if rng.IntN(3) == 0 {
			r.tick([]time.Duration{time.Second, sweepEvery, time.Hour}[rng.IntN(3)])
			last = numbersSeen{}
			last.check(t, round, &r.dp.gen.image.registry)
		}
	}
}

// randomServices has some of a few services, with some of a few backends.
func randomServices(rng *rand.Rand, s State) State {
	s = withServices(s)
	s.Services = nil
	s.Limits.Services, s.Limits.Backends = 10+rng.IntN(2), 200+rng.IntN(2)
	s.ResizeNow = coin(rng)
	s.NextHops = maps.Clone(s.NextHops)
	if coin(rng) {
		s.NextHops[netip.MustParseAddr("10.2.0.12")] = NextHop{Egress: s.L3[rng.IntN(3)].Ifindex, MAC: MAC{2, byte(rng.IntN(3))}, MTU: 1400}
	}
	for n := range 6 {
		if rng.IntN(4) == 0 {
			continue
		}
		one := aService(fmt.Sprint("service", n), fmt.Sprintf("203.0.113.%d", n/2), nil)
		for port := range uint16(rng.IntN(9)) {
			one.Ports = append(one.Ports, uint16(1+100*n)+port)
		}
		if n%2 == 1 && len(one.Ports) == 0 {
			one.Protocol = UDP
		}
		one.Tracking = []Tracking{TrackChanged, TrackChanged, TrackChanged, TrackAlways, TrackNever}[rng.IntN(5)]
		one.TableSize = []int{251, 251, 251, 127}[rng.IntN(4)]
		for b := range 12 {
			if coin(rng) {
				backend := aService("", "203.0.113.1", nil, fmt.Sprintf("10.2.0.%d", b+8)).Backends[0]
				backend.Alive, backend.Weight = rng.IntN(5) > 0, uint16(rng.IntN(3))
				backend.Accept = backend.Alive && rng.IntN(4) > 0
				one.Backends = append(one.Backends, backend)
			}
		}
		if len(one.Backends) == 0 { // there is always one that takes new flows
			one.Backends = aService("", "203.0.113.1", nil, "10.2.0.8").Backends
		}
		one.Backends[0].Alive, one.Backends[0].Accept, one.Backends[0].Weight = true, true, 1
		s.Services = append(s.Services, one)
	}
	return s
}

// inUse has the sizes in use, where others are waited for.
func inUse(r *timedRouter, s State) State {
	s.Services = slices.Clone(s.Services)
	for i := range s.Services {
		if one := r.service(s.Services[i].Name); one.Resizing {
			s.Services[i].TableSize = one.TableSize
		}
	}
	return s
}

// numbersSeen are those that someone had since the last sweep.
type numbersSeen map[string]string

func (n numbersSeen) check(t *testing.T, round int, g *registry) {
	t.Helper()
	claim := func(number, owner string) {
		if other, had := n[number]; had && other != owner {
			t.Fatalf("round %d: %s is %s's, it was %s's", round, number, owner, other)
		}
		n[number] = owner
	}
	at, counters := map[uint32]string{}, map[uint32]string{}
	for name, r := range g.services {
		id := fmt.Sprint(name, " of id ", r.record.Id)
		claim(fmt.Sprint("id ", r.record.Id), name)
		for i, m := range r.members {
			if m.free() {
				continue
			}
			owner := fmt.Sprint(id, " ", m.address)
			claim(fmt.Sprint("index ", i, " of ", id), owner)
			if other, taken := counters[m.record.Counter]; taken || m.record.Counter == 0 {
				t.Fatalf("round %d: %s counts in %d, where %q does", round, owner, m.record.Counter, other)
			}
			counters[m.record.Counter] = owner
			if other, taken := at[r.record.First+uint32(i)]; taken {
				t.Fatalf("round %d: %s lies where %s does", round, owner, other)
			}
			at[r.record.First+uint32(i)] = owner
		}
	}
}
