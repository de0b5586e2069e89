// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// manyServices adds n services of ten backends each.
func manyServices(s State, n int) State {
	s.NextHops = map[netip.Addr]NextHop{}
	s.Services = nil
	for i := range n {
		service := aService(fmt.Sprintf("service %d", i), fmt.Sprintf("198.18.%d.%d", i/250, i%250), []uint16{80, 443})
		service.TableSize = 1021
		for b := range 10 {
			a := netip.AddrFrom4([4]byte{10, byte(100 + b), byte(i / 250), byte(i % 250)})
			service.Backends = append(service.Backends, Backend{Address: a, Weight: 1, Alive: true, Accept: true, State: Active})
			s.NextHops[a] = NextHop{Egress: s.L3[1].Ifindex, MAC: MAC{2, 0, 0, 0, byte(b), byte(i)}, MTU: 1500}
		}
		s.Services = append(s.Services, service)
	}
	s.Limits.Services, s.Limits.Backends, s.Limits.Flows = n, 10*n, 100_000
	return s
}

// TestManyServices: 10,000 services load in 30 s at most, and a change of one of
// them takes 200 ms at most. In short it is fewer services, in proportion;
// CLEARWAY_SERVICES says how many.
func TestManyServices(t *testing.T) {
	n := 1000
	if env := os.Getenv("CLEARWAY_SERVICES"); env != "" {
		var err error
		if n, err = strconv.Atoi(env); err != nil {
			t.Fatalf("CLEARWAY_SERVICES: %v", err)
		}
	}
	r := newRouter(t, Native)
	r.apply(r.state)
	s := manyServices(r.state, n)
	if took := r.timed(s); took > 30*time.Second*time.Duration(n)/10_000 {
		t.Errorf("%d services took %v", n, took)
	} else {
		t.Logf("%d services: %v", n, took)
	}
	checkMaps(t, r.dp, s)
	flip := changedService(s, "service 7", func(s *Service) { s.Backends[3].Accept = false })
	var steps []string
	r.dp.hook = func(step string) error { steps = append(steps, step); return nil }
	best := time.Hour
	for range 3 {
		best = min(best, r.timed(flip), r.timed(s))
	}
	if best > 200*time.Millisecond {
		t.Errorf("a flip took %v", best)
	}
	t.Logf("a flip: %v; it is %v", best, steps[:len(steps)/6])
	if want := []string{"backends (1)", "tables (1)", "manifest"}; !slices.Equal(steps[:len(steps)/6], want) {
		t.Errorf("a flip makes the steps %v, want %v", steps[:len(steps)/6], want)
	}
	r.dp.hook = nil
	start := time.Now()
	if _, err := r.dp.Services(); err != nil {
		t.Fatal(err)
	}
	t.Logf("Services: %v", time.Since(start))
	start = time.Now()
	r.do(func() error { _, err := r.dp.Tick(context.Background()); return err })
	t.Logf("Tick with a sweep: %v", time.Since(start))
	r.restart()
	t.Logf("restart: %v", r.timed(s))
	checkMaps(t, r.dp, s)
	t.Logf("none any more: %v", r.timed(r.state))
}
