// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// refusal is a change of a state that is then refused, with a text.
type refusal struct {
	name   string
	change func(s *State)
	want   string
}

// checkRefused makes each change of a state that is accepted without.
func checkRefused(t *testing.T, base State, rows []refusal) {
	t.Helper()
	base.Limits = base.Limits.withDefaults()
	if err := base.check(); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := base
			s.Services, s.Punt = slices.Clone(s.Services), slices.Clone(s.Punt)
			for i := range s.Services {
				s.Services[i].Backends = slices.Clone(s.Services[i].Backends)
			}
			row.change(&s)
			if err := s.check(); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q in it", err, row.want)
			}
		})
	}
}

func TestServicesThatAreRefused(t *testing.T) {
	base := State{Services: []Service{
		aService("web", "203.0.113.10", []uint16{80, 443}, "10.2.0.11", "10.2.0.12"),
		aService("rest", "203.0.113.10", nil, "10.2.0.11"),
	}}
	checkRefused(t, base, []refusal{
		{"name twice", func(s *State) { s.Services[1].Name = "web" }, "service web: there are two of this name"},
		{"no name", func(s *State) { s.Services[0].Name = "" }, `service "": its name has 0 bytes`},
		{"long name", func(s *State) { s.Services[0].Name = strings.Repeat("x", 64) }, "64 bytes"},
		{"port twice", func(s *State) { s.Services[1].Ports = []uint16{443} },
			"service rest: 203.0.113.10 tcp port 443 is that of service web already"},
		{"port twice in one", func(s *State) { s.Services[0].Ports = []uint16{80, 80} }, "port 80 is that of service web already"},
		{"any port twice", func(s *State) { s.Services[0].Ports = nil }, "203.0.113.10 tcp any port is that of service web already"},
		{"port 0", func(s *State) { s.Services[0].Ports = []uint16{0} }, "no port 0"},
		{"too many ports", func(s *State) { s.Services[0].Ports = make([]uint16, 33) }, "33 ports, at most 32"},
		{"no address", func(s *State) { s.Services[0].Address = netip.Addr{} }, "no IPv4 or IPv6 address"},
		{"mapped address", func(s *State) { s.Services[0].Address = netip.MustParseAddr("::ffff:1.2.3.4") }, "no IPv4 or IPv6 address"},
		{"protocol", func(s *State) { s.Services[0].Protocol = 132 }, "protocol 132 is neither tcp nor udp"},
		{"mode", func(s *State) { s.Services[0].Mode = "nat" }, `mode "nat"`},
		{"affinity", func(s *State) { s.Services[0].Affinity = "" }, `affinity ""`},
		{"tracking", func(s *State) { s.Services[0].Tracking = "some" }, `tracking "some"`},
		{"settle", func(s *State) { s.Services[0].Settle = -1 }, "negative"},
		{"not prime", func(s *State) { s.Services[0].TableSize = 250 }, "table-size 250 is not a prime"},
		{"too large", func(s *State) { s.Services[0].TableSize = 131101 }, "at most 131071"},
		{"too small", func(s *State) {
			s.Services[0].TableSize = 2
			s.Services[0].Backends = aService("", "203.0.113.10", nil, "10.2.0.1", "10.2.0.2", "10.2.0.3").Backends
		}, "it has 3 backends, more than table-size 2: raise it"},
		{"backend twice", func(s *State) { s.Services[0].Backends[1] = s.Services[0].Backends[0] }, "backend 10.2.0.11 is there twice"},
		{"no backend address", func(s *State) { s.Services[0].Backends[1].Address = netip.Addr{} }, "no IPv4 or IPv6 address"},
		{"l2 over the other family", func(s *State) {
			s.Services[0].Mode, s.Services[0].Backends[1].Address = L2, netip.MustParseAddr("2001:db8::1")
		}, "of the family of the service"},
		{"outer source", func(s *State) { s.Balance.Source4 = netip.MustParsePrefix("100::/96") }, "source4"},
		{"services", func(s *State) { s.Limits.Services = 1 }, "limits.services is 1, but 2 are needed: raise it"},
		{"backends", func(s *State) { s.Limits.Backends = 2 }, "limits.backends is 2, but 3 are needed: raise it"},
	})
}

// Room in the maps is for twice the backends, so that all can be replaced at once;
// more than that has to wait for a sweep.
func TestBackendsReplacedAtOnce(t *testing.T) {
	r := newTimedRouter(t)
	s := r.one(nil)
	s.Limits.Services, s.Limits.Backends = 1, 3
	r.apply(s)
	other := changedService(s, "web", func(s *Service) {
		s.Backends = aService("", "203.0.113.10", nil, "10.2.0.21", "10.2.0.22", "10.2.0.23").Backends
	})
	r.apply(other)
	checkMaps(t, r.dp, other)
	third := changedService(s, "web", func(s *Service) {
		s.Backends = aService("", "203.0.113.10", nil, "10.2.0.31", "10.2.0.32", "10.2.0.33").Backends
	})
	var limit *LimitError
	if _, err := r.tryApply(third); !errors.As(err, &limit) || limit.Limit != "backends" {
		t.Fatalf("before a sweep: %v", err)
	}
	checkMaps(t, r.dp, other)
	r.tick(sweepEvery)
	r.apply(third)
	checkMaps(t, r.dp, third)
}
