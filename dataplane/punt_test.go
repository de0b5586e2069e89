// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// withPuntRules has more ports of an address than its record has room for.
func withPuntRules(s State) State {
	s.Punt = []PuntRule{puntRuleOf("any", UDP, "2001:db8::77", 0)}
	for port := range uint16(10) {
		s.Punt = append(s.Punt, puntRuleOf(fmt.Sprint("rule ", port), TCP, "203.0.113.77", 1+port))
	}
	return s
}

// otherPuntRules differs from withPuntRules in some of each.
func otherPuntRules(s State) State {
	s.Punt = slices.Clone(s.Punt[1:])
	s.Punt[0].Port, s.Punt[9].Port = 99, 98
	s.Punt[1].Address = netip.MustParseAddr("203.0.113.78")
	return s
}

func TestPuntRulesThatAreRefused(t *testing.T) {
	base := State{
		Services: []Service{aService("web", "203.0.113.10", []uint16{80, 443}, "10.2.0.11"), aService("rest", "203.0.113.10", nil, "10.2.0.11")},
		Punt:     []PuntRule{puntRuleOf("dns", UDP, "203.0.113.10", 53), puntRuleOf("ssh", TCP, "203.0.113.10", 22), puntRuleOf("all", UDP, "203.0.113.10", 0)},
	}
	checkRefused(t, base, []refusal{
		{"name twice", func(s *State) { s.Punt[1].Name = "dns" }, "punt rule dns: there are two of this name"},
		{"no name", func(s *State) { s.Punt[0].Name = "" }, `punt rule "": its name has 0 bytes, it must have 1 to 63`},
		{"long name", func(s *State) { s.Punt[0].Name = strings.Repeat("x", 64) }, "64 bytes"},
		{"no address", func(s *State) { s.Punt[0].Address = netip.Addr{} }, "no IPv4 or IPv6 address"},
		{"mapped address", func(s *State) { s.Punt[0].Address = netip.MustParseAddr("::ffff:1.2.3.4") }, "no IPv4 or IPv6 address"},
		{"zone", func(s *State) { s.Punt[0].Address = netip.MustParseAddr("fe80::1%eth0") }, "no IPv4 or IPv6 address"},
		{"protocol", func(s *State) { s.Punt[0].Protocol = 1 }, `punt rule "dns": protocol 1 is neither tcp nor udp`},
		{"twice", func(s *State) { s.Punt[2].Port = 53 }, "punt rule all: 203.0.113.10 udp port 53 is that of punt rule dns already"},
		{"any port twice", func(s *State) { s.Punt[0].Port = 0 }, "punt rule all: 203.0.113.10 udp any port is that of punt rule dns already"},
		{"a service's port", func(s *State) { s.Punt[1].Port = 443 }, "punt rule ssh: 203.0.113.10 tcp port 443 is that of service web already"},
		{"a service's any port", func(s *State) { s.Punt[1].Port = 0 }, "punt rule ssh: it takes 203.0.113.10 tcp any port, of which port 80 is that of service web: name the ports of the rule"},
		{"any port twice, of a service", func(s *State) { s.Services, s.Punt[1].Port = s.Services[1:], 0 }, "punt rule ssh: 203.0.113.10 tcp any port is that of service rest already"},
	})
}

// TestPuntRules: the maps are as each state says, alone, beside services, and
// after what was is gone. Rules that come and go need a new generation only where
// there is no room.
func TestPuntRules(t *testing.T) {
	r := newRouter(t, Native)
	r.state.Limits = Limits{Interfaces: 4, L3Interfaces: 16, Ifindex: 500, Services: 20, Backends: 100, Flows: 1000}
	r.state.MSS = []MSSRule{{MSS: 1300}, {Prefix: netip.MustParsePrefix("203.0.113.0/24"), MSS: 1200}}
	dns, any6 := puntRuleOf("dns", UDP, "203.0.113.10", 53), puntRuleOf("any6", TCP, "2001:db8::20", 0)
	dns.Port = 5353 // withServices has a service on 53
	moved := dns
	moved.Address = netip.MustParseAddr("203.0.113.99")
	twin := moved
	twin.Name, twin.Address = "twin", netip.MustParseAddr("203.0.113.98")
	many := []PuntRule{any6}
	for i := range 1000 {
		many = append(many, puntRuleOf(fmt.Sprint("rule ", i), TCP, fmt.Sprintf("203.0.113.%d", i%200), uint16(1000+i)))
	}
	steps := []struct {
		name  string
		rules []PuntRule
		with  bool // services
		lines []string
		renew bool
	}{
		{"one", []PuntRule{dns}, false, []string{"+ punt rule dns (203.0.113.10 udp port 5353)"}, true},
		{"two", []PuntRule{dns, any6}, false, []string{"+ punt rule any6 (2001:db8::20 tcp any port)"}, false},
		{"one moves", []PuntRule{moved, any6}, false, []string{"~ punt rule dns: 203.0.113.99 udp port 5353, was 203.0.113.10 udp port 5353"}, false},
		{"another address with the same", []PuntRule{moved, any6, twin}, false, []string{"+ punt rule twin (203.0.113.98 udp port 5353)"}, false},
		{"back", []PuntRule{any6, dns}, false, []string{"~ punt rule dns: 203.0.113.10 udp port 5353, was 203.0.113.99 udp port 5353", "- punt rule twin"}, false},
		{"beside services", []PuntRule{dns, any6}, true, nil, true},
		{"fewer beside services", []PuntRule{dns}, true, []string{"- punt rule any6"}, false},
		{"many", many, true, []string{"punt rules: 1002 changed"}, true},
		{"other many", many[:990], true, []string{"punt rules: 11 changed"}, false},
		{"services go", many[:2], false, nil, true},
		{"none", nil, false, []string{"- punt rule any6", "- punt rule rule 0"}, true},
	}
	generation := r.apply(r.state).Generation
	for _, step := range steps {
		s := r.state
		if step.with {
			s = withServices(s)
		}
		s.Punt = step.rules
		preview, err := r.dp.Preview(s)
		if err != nil {
			t.Fatal(err)
		}
		changes := r.apply(s)
		if diff := gocmp.Diff(preview, changes); diff != "" {
			t.Errorf("%s: Preview differs from Apply:\n%s", step.name, diff)
		}
		for _, line := range step.lines {
			if !slices.Contains(changes.Lines, line) {
				t.Errorf("%s: no line %q among %q", step.name, line, changes.Lines)
			}
		}
		if (changes.Generation != generation) != step.renew {
			t.Errorf("%s: generation %d after %d", step.name, changes.Generation, generation)
		}
		generation = changes.Generation
		checkMaps(t, r.dp, s)
		r.checkAlone()
	}
}
