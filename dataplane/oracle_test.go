// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/tracking"
)

const (
	defaultHistories = 4
	historySeconds   = 700
	oracleStart      = 100 * time.Hour // since boot
)

// TestOracle replays random histories of changes and packets through the live
// program, step by step. Where a packet went, the records, and the slots must be
// what package tracking says they are; and no flow on a living backend may ever
// move, but for the reasons that docs/limits.md gives. CLEARWAY_HISTORIES asks for
// more of them.
func TestOracle(t *testing.T) {
	testkit.RequireKernel(t, "5.14", "a test run that is told its interface")
	seed, histories := testkit.Seed(t), defaultHistories
	if env := os.Getenv("CLEARWAY_HISTORIES"); env != "" {
		var err error
		if histories, err = strconv.Atoi(env); err != nil {
			t.Fatalf("CLEARWAY_HISTORIES: %v", err)
		}
	}
	r := newTimedRouter(t)
	sum := &outcome{choices: map[tracking.Choice]int{}, moved: map[string]int{}}
	for i := range int64(histories) {
		if o := playHistory(r, sum, seed+i, false); o.wrong != "" {
			t.Fatalf("history of seed %d: %s\n%s", seed+i, o.wrong, playHistory(r, sum, seed+i, true).story())
		}
	}
	t.Logf("%d packets went where their flows were; choices %v; flows that went elsewhere: %v", sum.stayed, sum.choices, sum.moved)
	for c := tracking.ChoiceSettled; c <= tracking.ChoiceFull; c++ {
		if sum.choices[c] == 0 && histories >= defaultHistories {
			t.Errorf("no packet was of choice %d: these histories show too little", c)
		}
	}
}

// playHistory makes up a history, every other one with hardly any room for records
// and one of four with explanations, and returns it at its end, or where the first
// thing went wrong.
func playHistory(r *timedRouter, sum *outcome, seed int64, verbose bool) *oracle {
	r.renewAll()
	rng := testkit.NewRand(seed)
	o := &oracle{timedRouter: r, outcome: sum, rng: rng, verbose: verbose, macs: map[MAC]*server{}, seed: rng.Uint64(), started: r.now, explains: seed%4 == 0}
	o.limits = Limits{Interfaces: 4, L3Interfaces: 16, Ifindex: 500, Services: 20, Backends: 200, Flows: []int{20, 20_000}[seed&1]}
	for i, service := range oracleServices(rng) {
		if service.Tracking == TrackAlways && o.limits.Flows < 1000 {
			continue // what is given up when the map is full is not told beforehand
		}
		s := &subject{shadow: newShadow(service.Name), template: service, inUse: map[flowID]bool{}}
		o.subjects = append(o.subjects, s)
		o.addServers(s, i)
	}
	o.apply()
	often, takeOver := 14+rng.IntN(30), []int{rng.IntN(historySeconds), rng.IntN(historySeconds)}
	for second := range historySeconds {
		o.pass(time.Second)
		switch {
		case slices.Contains(takeOver, second):
			o.takeOver()
			o.change()
		case rng.IntN(often) == 0:
			o.event()
			o.change()
		}
		o.talk()
		if o.wrong != "" {
			return o
		}
	}
	o.compareTables()
	o.compareAccounts()
	return o
}

// renewAll begins anew with nothing pinned.
func (r *timedRouter) renewAll() {
	r.t.Helper()
	r.do(func() error {
		if err := r.dp.Close(); err != nil {
			return err
		}
		_, err := Detach(r.bpffs, nil)
		return err
	})
	r.now = oracleStart
	r.open()
	r.use()
}
