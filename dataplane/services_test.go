// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// aService has backends that all accept.
func aService(name, address string, ports []uint16, backends ...string) Service {
	s := Service{Name: name, Address: netip.MustParseAddr(address), Protocol: TCP, Ports: ports, Mode: IPIP, Affinity: AffinityNone,
		Tracking: TrackChanged, Settle: 6 * time.Minute, TableSize: 251}
	for _, b := range backends {
		s.Backends = append(s.Backends, Backend{Address: netip.MustParseAddr(b), Weight: 1, Alive: true, Accept: true, State: Active})
	}
	return s
}

// withServices is a state with services of all kinds.
func withServices(s State) State {
	web := aService("web", "203.0.113.10", []uint16{80, 443}, "10.2.0.11", "10.2.0.12", "10.2.0.13")
	dns := aService("dns", "203.0.113.10", []uint16{53}, "10.2.0.11", "2001:db8:2::12")
	dns.Protocol, dns.Affinity, dns.Settle = UDP, AffinitySource, 30*time.Second
	rest := aService("rest", "2001:db8::10", nil, "2001:db8:2::11", "2001:db8:2::12")
	rest.Mode, rest.Tracking, rest.TableSize = GUE, TrackNever, 509
	many := aService("many", "203.0.113.11", []uint16{1, 2, 3, 4, 5, 6, 7, 8, 9}, "10.2.0.11")
	many.Mode = L2
	s.Services = []Service{web, dns, rest, many}
	s.NextHops = map[netip.Addr]NextHop{
		netip.MustParseAddr("10.2.0.11"):      {Egress: s.L3[0].Ifindex, MAC: MAC{2, 0, 0, 0, 2, 11}, MTU: 1500},
		netip.MustParseAddr("10.2.0.12"):      {Egress: s.L3[1].Ifindex, MAC: MAC{2, 0, 0, 0, 2, 12}, MTU: 1400},
		netip.MustParseAddr("2001:db8:2::11"): {Egress: s.L3[1].Ifindex, MAC: MAC{2, 0, 0, 0, 2, 11}, MTU: 9000},
	}
	s.Balance = Balance{Seed: 7, Source4: netip.MustParsePrefix("172.16.0.0/16"), Source6: netip.MustParsePrefix("100::/96"), GUEPort: 6080, ICMPRate: 1000}
	s.Limits.Services, s.Limits.Backends, s.Limits.Flows = 20, 100, 1000
	return s
}

// changedService replaces one service of a state by a changed copy.
func changedService(s State, name string, change func(*Service)) State {
	s.Services = slices.Clone(s.Services)
	for i := range s.Services {
		if s.Services[i].Name == name {
			s.Services[i].Backends = slices.Clone(s.Services[i].Backends)
			change(&s.Services[i])
		}
	}
	return s
}

func TestServices(t *testing.T) {
	r := newRouter(t, Native)
	r.state.Limits = Limits{Interfaces: 4, L3Interfaces: 16, Ifindex: 500}
	r.apply(r.state)
	s := withServices(r.state)
	first := r.apply(s)
	checkMaps(t, r.dp, s)
	steps := []struct {
		name   string
		change func(State) State
	}{
		{"drain", func(s State) State {
			return changedService(s, "web", func(s *Service) { s.Backends[0].Accept, s.Backends[0].State = false, Draining })
		}},
		{"weight", func(s State) State { return changedService(s, "web", func(s *Service) { s.Backends[1].Weight = 5 }) }},
		{"remove", func(s State) State { return changedService(s, "web", func(s *Service) { s.Backends = s.Backends[1:] }) }},
		{"grow", func(s State) State {
			return changedService(s, "web", func(s *Service) {
				for i := range 20 {
					s.Backends = append(s.Backends, aService("", "203.0.113.10", nil, fmt.Sprintf("10.3.0.%d", i+1)).Backends...)
				}
			})
		}},
		{"ports", func(s State) State {
			return changedService(s, "many", func(s *Service) { s.Ports = []uint16{2, 3, 4, 5, 6, 7, 10} })
		}},
		{"mode", func(s State) State { return changedService(s, "many", func(s *Service) { s.Mode = IPIP }) }},
		{"next hop", func(s State) State {
			s.NextHops = map[netip.Addr]NextHop{netip.MustParseAddr("10.2.0.12"): {Egress: s.L3[0].Ifindex, MAC: MAC{2, 0, 0, 0, 2, 99}, MTU: 1300}}
			return s
		}},
		{"mss", func(s State) State { s.MSS = []MSSRule{{MSS: 1300}}; return s }},
		{"address", func(s State) State {
			return changedService(s, "rest", func(s *Service) { s.Address = netip.MustParseAddr("203.0.113.77") })
		}},
		{"gone", func(s State) State { s.Services = s.Services[1:]; return s }},
		{"again", func(s State) State { s.Services = append(s.Services, withServices(r.state).Services[0]); return s }},
	}
	for _, step := range steps {
		s = step.change(s)
		changes := r.apply(s)
		t.Log(step.name, changes.Lines)
		checkMaps(t, r.dp, s)
		if changes.Generation != first.Generation {
			t.Errorf("%s: generation %d, was %d", step.name, changes.Generation, first.Generation)
		}
	}
	r.apply(r.state)
	checkMaps(t, r.dp, r.state)
}
