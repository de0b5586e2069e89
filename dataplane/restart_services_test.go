// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	gocmp "github.com/google/go-cmp/cmp"
)

// TestRestartKeepsHistory: a new process finds the slots, numbers, records, and
// counters of the one before, also with other limits.
func TestRestartKeepsHistory(t *testing.T) {
	for _, limits := range []Limits{{}, {Services: 50}, {Backends: 500}, {Flows: 300}, {Services: 5, Backends: 20, Flows: 2000}} {
		t.Run(fmt.Sprintf("%+v", limits), func(t *testing.T) {
			r := newTimedRouter(t)
			s := withServices(r.one(nil))
			s.Limits.Services = 20
			r.apply(s)
			s = changedService(s, "web", func(s *Service) {
				s.Backends = s.Backends[1:]
				s.Backends[0].Accept, s.Backends[0].State, s.Backends[0].Order = false, Draining, OrderDrain
			})
			r.apply(s)
			key := r.flowIn("web", moving)
			r.putFlow(key, r.index("web", "10.2.0.13"), flowConfirmed, time.Minute)
			r.countSome("web")
			slots, flows, stats := readSlots(t, r.dp), r.flows("flows"), r.services()
			ids := r.numbersOf()
			next := s
			if limits != (Limits{}) {
				next.Limits.Services, next.Limits.Backends, next.Limits.Flows = limits.Services, limits.Backends, limits.Flows
			}
			check := func(when string) {
				t.Helper()
				if diff := gocmp.Diff(slots, readSlots(t, r.dp)); diff != "" {
					t.Errorf("%s the slots differ:\n%s", when, diff)
				}
				if diff := gocmp.Diff(ids, r.numbersOf()); diff != "" {
					t.Errorf("%s numbers differ:\n%s", when, diff)
				}
				for k, f := range flows {
					if r.flows("flows")[k] != f {
						t.Errorf("%s record %v is %v, was %v", when, k, r.flows("flows")[k], f)
					}
				}
				if diff := gocmp.Diff(stats, r.services(), addr); diff != "" {
					t.Errorf("%s the services differ:\n%s", when, diff)
				}
			}
			r.restart()
			if diff := gocmp.Diff(stats, r.services(), addr); diff != "" {
				t.Errorf("before the first Apply: %s", diff)
			}
			if c := r.apply(next); len(c.Moves) > 0 {
				t.Errorf("a restart moves %v", c.Moves)
			}
			check("after a restart")
			checkMaps(t, r.dp, next)
			r.apply(s)
			check("with the former limits")
			r.tick(5 * time.Minute)
			if r.service("web").Moving == 0 {
				t.Error("slots settled before their time, which began anew with the process")
			}
		})
	}
}

func (r *timedRouter) services() []ServiceStats {
	r.t.Helper()
	all, err := r.dp.Services()
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// numbersOf are those that must outlive a process.
func (r *timedRouter) numbersOf() map[string][]uint32 {
	all := map[string][]uint32{}
	for name, s := range r.dp.gen.image.registry.services {
		all[name] = append(all[name], s.record.Id)
		for i, m := range s.members {
			if !m.free() {
				all[name] = append(all[name], uint32(i), m.record.Counter)
			}
		}
	}
	return all
}

// countSome counts as the programs do, on two CPUs.
func (r *timedRouter) countSome(name string) {
	r.t.Helper()
	one := r.dp.gen.image.registry.services[name]
	cpus := ebpf.MustPossibleCPU()
	services, backends := make([]pipelineServiceCounters, cpus), make([]pipelineCounter, cpus)
	for cpu := range min(cpus, 2) {
		services[cpu] = pipelineServiceCounters{Dropped: pipelineCounter{Packets: 3, Bytes: 300}, Recorded: 7, TrackFull: 2}
		backends[cpu] = pipelineCounter{Packets: 11, Bytes: 1100}
	}
	if err := r.dp.gen.maps("service_counters").Put(one.record.Id, services); err != nil {
		r.t.Fatal(err)
	}
	for _, m := range one.members[1:] {
		if err := r.dp.gen.maps("backend_counters").Put(m.record.Counter, backends); err != nil {
			r.t.Fatal(err)
		}
	}
	if got := r.service(name); got.Recorded == 0 || got.Backends[0].Sent.Packets == 0 {
		r.t.Fatalf("counted nothing: %+v", got)
	}
}
