// SPDX-License-Identifier: Apache-2.0

package main

import (
	"reflect"
	"testing"

	"clearway/internal/testkit"
)

// small is a fleet no flow of which is silent for as long as slots take to
// settle.
func small(t *testing.T) fleet {
	return fleet{seed: uint64(testkit.Seed(t)), balancers: 3, backends: 10, tableSize: 1009, records: 1 << 20, settle: 60,
		flows: 20_000, duration: 900, drain: 20, down: 10, grace: 5, delay: 2}
}

func withRestarts(f fleet) scenario {
	return scenario{fleet: f, restarts: 2 * f.backends, restartFrom: 100, restartTo: 800}
}

func withReboots(s scenario) scenario {
	s.reboots, s.rebootFrom, s.rebootInterval, s.rebootFor = 6, 150, 110, 40
	return s
}

func mustSimulate(t *testing.T, s scenario) result {
	t.Helper()
	r, err := simulate(s)
	if err != nil {
		t.Fatal(err)
	}
	for w := range ways {
		if r.of[w].refused > 0 {
			t.Errorf("%v: %d flows started on a backend that was gone: a drain is to keep them away", w, r.of[w].refused)
		}
	}
	return r
}

// wantBroken compares with whether any is to be broken.
func wantBroken(t *testing.T, r result, want [ways]bool) {
	t.Helper()
	for w := range ways {
		if got := r.of[w].broken; (got > 0) != want[w] {
			t.Errorf("%v: %d broken, want any: %v", w, got, want[w])
		}
	}
}

func TestRestarts(t *testing.T) {
	r := mustSimulate(t, withRestarts(small(t)))
	wantBroken(t, r, [ways]bool{never: true})
	if r.of[changed].ended == 0 || r.of[changed].ended < r.of[never].ended {
		t.Errorf("%d and %d ended with their backend", r.of[changed].ended, r.of[never].ended)
	}
	if r.of[changed].records == 0 || r.of[changed].records >= r.of[always].records {
		t.Errorf("most records: changed %d, always %d", r.of[changed].records, r.of[always].records)
	}
}

// TestReboots is about settled tables: they agree everywhere.
func TestReboots(t *testing.T) {
	r := mustSimulate(t, withReboots(scenario{fleet: small(t)}))
	wantBroken(t, r, [ways]bool{})
	if r.of[changed].records > 0 {
		t.Errorf("%d records were made of flows in settled slots", r.of[changed].records)
	}
}

func TestBoth(t *testing.T) {
	plain := withReboots(withRestarts(small(t)))
	resilient := plain
	resilient.resilient = true
	a, b := mustSimulate(t, plain), mustSimulate(t, resilient)
	wantBroken(t, a, [ways]bool{true, true, true})
	for _, w := range []way{changed, always} {
		if a.of[w].broken <= b.of[w].broken {
			t.Errorf("%v: %d broken, with resilient routers %d", w, a.of[w].broken, b.of[w].broken)
		}
	}
	if a.flows != b.flows || a.packets != b.packets {
		t.Error("the traffic isn't the same")
	}
}

// TestQuiet is about what changed admits to lose, and no more.
func TestQuiet(t *testing.T) {
	f := small(t)
	f.quiet, f.duration, f.drain = 0.2, 2400, 60
	s := withRestarts(f)
	s.restartTo = 2300
	r := mustSimulate(t, s)
	wantBroken(t, r, [ways]bool{changed: true, never: true})
	if of := r.of[changed]; of.broken != of.silent {
		t.Errorf("changed: %d broken, of whom only %d were silent", of.broken, of.silent)
	}
}

func TestFlood(t *testing.T) {
	s := withRestarts(small(t))
	s.flood, s.floodFrom, s.floodTo = 2000, 300, 500
	s.records = 20_000
	r := mustSimulate(t, s)
	wantBroken(t, r, [ways]bool{never: true})
	if r.of[always].noRoom == 0 {
		t.Error("always has room for all starts: this flood shows too little")
	}
	if got := r.of[always].records; got < 3*s.records {
		t.Errorf("always has %d records at most in %d sets: this flood shows too little", got, s.records)
	}
}

func TestNoRoom(t *testing.T) {
	f := small(t)
	f.records = 20
	r := mustSimulate(t, withRestarts(f))
	wantBroken(t, r, [ways]bool{true, true, true})
	if of := r.of[changed]; of.noRoom == 0 || of.records != f.records {
		t.Errorf("changed: %d records found no room, %d did", of.noRoom, of.records)
	}
	if r.of[always].noRoom == 0 {
		t.Error("always has room for all starts: this shows too little")
	}
}

func TestSameSeed(t *testing.T) {
	s := withReboots(withRestarts(small(t)))
	a, b := mustSimulate(t, s), mustSimulate(t, s)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("the same seed gives %+v and %+v", a, b)
	}
	s.seed++
	if c := mustSimulate(t, s); c.packets == a.packets && c.of[never].broken == a.of[never].broken {
		t.Error("another seed gives the same")
	}
}

// TestNeverBreaksWhatMoves follows each flow by hand: with never it breaks at its
// first packet that finds another owner in its slot.
func TestNeverBreaksWhatMoves(t *testing.T) {
	f := small(t)
	f.balancers, f.delay = 1, 0
	s, err := newSimulation(scenario{fleet: f, restarts: 3, restartFrom: 100, restartTo: 190})
	if err != nil {
		t.Fatal(err)
	}
	homes := map[int]uint16{} // of flows that are there
	broken := 0
	for s.now < s.duration {
		now := s.now
		if err := s.step(); err != nil {
			t.Fatal(err)
		}
		v := s.versions[len(s.versions)-1]
		for id, f := range s.flows {
			if int(f.heard) != now {
				continue
			}
			owner := v.owners[slotOf(uint32(id), len(v.owners))]
			home, there := homes[id]
			switch {
			case int(f.began) == now:
				homes[id] = owner
			case !there:
			case s.stopped[home] >= int(f.began):
				delete(homes, id)
			case owner != home:
				broken++
				delete(homes, id)
			}
		}
	}
	if got := s.end().of[never].broken; got != broken || broken == 0 {
		t.Errorf("%d broken, by hand %d", got, broken)
	}
}

// TestRouters is about which flows move when a balancer leaves.
func TestRouters(t *testing.T) {
	for _, row := range []struct {
		resilient   bool
		least, most int // of 10,000 flows that were elsewhere
	}{{true, 0, 0}, {false, 4500, 5500}} { // 1/2: two of three balancers are left
		s, err := newSimulation(scenario{fleet: small(t), resilient: row.resilient})
		if err != nil {
			t.Fatal(err)
		}
		before := map[uint32]*node{}
		for id := uint32(0); len(before) < 10_000; id++ {
			if n := s.balancerOf(id); n != s.nodes[1] {
				before[id] = n
			}
		}
		s.leave(1)
		moved := 0
		for id, n := range before {
			if s.balancerOf(id) != n {
				moved++
			}
		}
		if moved < row.least || moved > row.most {
			t.Errorf("resilient %v: %d of 10,000 moved", row.resilient, moved)
		}
	}
}
