// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
)

func TestWaysToBackends(t *testing.T) {
	const backend, backend6 = "10.0.0.2", "2001:db8::2"
	noRedirect := func(l *netstate.Link) { l.RedirectNative = false }
	attached := func(l *netstate.Link) { l.Program = 7 }
	mtu := func(bytes int) func(*netstate.NextHop) { return func(h *netstate.NextHop) { h.MTU = bytes } }
	web := service("web", "203.0.113.1", backend)
	web6 := service("web", "2001:db8:9::1", backend)
	mode := func(s config.Service, m dataplane.ServiceMode) config.Service {
		s.Mode = m
		return s
	}
	eth0, eth1 := ethernet(2, "eth0"), ethernet(3, "eth1")
	tests := []struct {
		name    string
		service config.Service
		links   []netstate.Link // of which eth0 is a port
		hop     netstate.NextHop
		want    string // what the one warning says, parted by "…"; empty for none
		found   bool   // the next hop is in the State
		down    bool   // the backend gets nothing
	}{
		{"on the link", web, []netstate.Link{eth0}, onLink(2, backend), "", true, false},
		{"behind a gateway", web, []netstate.Link{eth0}, onLink(2, "10.0.0.254"), "", true, false},
		{"by another device", web, []netstate.Link{eth0, eth1}, onLink(3, backend), "", true, false},
		{"not asked for", web, []netstate.Link{eth0}, netstate.NextHop{}, "", false, false},
		{"no route", web, []netstate.Link{eth0}, netstate.NextHop{Unreachable: true}, "backend 10.0.0.2: there is no route…add one", false, false},
		{"an encapsulation", web, []netstate.Link{eth0}, withHop(onLink(2, backend), func(h *netstate.NextHop) { h.Encap = true }),
			"puts a header…plain route", false, true},
		{"a tunnel", web, []netstate.Link{eth0, {Index: 4, Name: "wg0"}}, onLink(4, backend), "leaves by wg0…Ethernet", false, true},
		{"a device that has just come", web, []netstate.Link{eth0}, onLink(9, backend), "", false, false},

		{"mode l2 on the link", mode(web, dataplane.L2), []netstate.Link{eth0}, onLink(2, backend), "", true, false},
		{"mode l2 behind a gateway", mode(web, dataplane.L2), []netstate.Link{eth0}, onLink(2, "10.0.0.254"),
			"not on the link, but behind 10.0.0.254…ipip or gue", false, true},

		{"an egress that takes no redirects", web, []netstate.Link{eth0, with(eth1, noRedirect)}, onLink(3, backend),
			"eth1, which takes no frames from eth0…list eth1 under interfaces…`mode: generic` for eth0", true, false},
		{"a veth that takes none", web,
			[]netstate.Link{eth0, with(eth1, noRedirect, func(l *netstate.Link) { l.Type, l.Peer.Name = "veth", "v1" })}, onLink(3, backend),
			"`ethtool -K v1 gro on`", true, false},
		{"the only port takes none, but sends back itself", web, []netstate.Link{with(eth0, noRedirect, attached)}, onLink(2, backend), "", true, false},
		{"a VLAN on it likewise", web, []netstate.Link{with(eth0, noRedirect, attached), vlan(5, "eth0.7", 2, 7)}, onLink(5, backend), "", true, false},

		{"IPv4 in IPv4", web, []netstate.Link{eth0}, withHop(onLink(2, backend), mtu(596)), "", true, false},
		{"too little for it", web, []netstate.Link{eth0}, withHop(onLink(2, backend), mtu(595)),
			"at most 575 bytes…less than the 576…MTU of its route from 595 to at least 596", true, false},
		{"IPv6 in IPv4", web6, []netstate.Link{eth0}, withHop(onLink(2, backend), mtu(1300)), "", true, false},
		{"too little for it", web6, []netstate.Link{eth0}, withHop(onLink(2, backend), mtu(1299)), "1279…1280…1300", true, false},
		{"IPv6 in GUE in IPv4", mode(web6, dataplane.GUE), []netstate.Link{eth0}, withHop(onLink(2, backend), mtu(1308)), "", true, false},
		{"too little for it", mode(web6, dataplane.GUE), []netstate.Link{eth0}, withHop(onLink(2, backend), mtu(1307)), "1279…1280…1308", true, false},
		{"IPv6 in IPv6", service("web", "2001:db8:9::1", backend6), []netstate.Link{eth0}, withHop(onLink(2, backend6), mtu(1320)), "", true, false},
		{"too little for it", service("web", "2001:db8:9::1", backend6), []netstate.Link{with(eth0, func(l *netstate.Link) { l.MTU = 1319 })},
			withHop(onLink(2, backend6), mtu(1319)), "1279…1280…MTU of eth0 from 1319 to at least 1320", true, false},
		{"mode l2 adds nothing", mode(web, dataplane.L2), []netstate.Link{eth0}, withHop(onLink(2, backend), mtu(576)), "", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := configOf("eth0")
			c.Balance.Services = []config.Service{test.service}
			address := test.service.Backends[0].Address
			hops := map[netip.Addr]netstate.NextHop{}
			if test.hop != (netstate.NextHop{}) {
				hops[address] = test.hop
			}
			s, warnings, err := Build(Input{Config: c, View: view(test.links...), NextHops: hops})
			if err != nil {
				t.Fatal(err)
			}
			checkWarning(t, warnings, test.want)
			if _, found := s.NextHops[address]; found != test.found {
				t.Errorf("next hops are %v", s.NextHops)
			}
			if b := s.Services[0].Backends[0]; b.Accept == test.down || b.Alive == test.down {
				t.Errorf("the backend is %+v", b)
			}
		})
	}
}

// checkWarning checks the only warning, which is of service web.
func checkWarning(t *testing.T, warnings []Warning, want string) {
	t.Helper()
	if (len(warnings) != 0) != (want != "") || len(warnings) > 1 {
		t.Fatalf("warnings %q, want %q", warnings, want)
	}
	if want == "" {
		return
	}
	for part := range strings.SplitSeq(want, "…") {
		if warnings[0].Place != "service web" || !strings.Contains(warnings[0].Text, part) {
			t.Errorf("warning %q has no %q", warnings[0], part)
		}
	}
}

// An egress that takes no redirects from native ports is of no concern to a
// generic one, and one that is a port may take them once it is attached.
func TestRedirectOfPorts(t *testing.T) {
	noRedirect := func(l *netstate.Link) { l.RedirectNative = false }
	tests := []struct {
		name        string
		mode0       dataplane.Mode
		program     uint32 // on eth1
		interfaces1 bool   // eth1 is a port too
		warned      bool
	}{
		{"native", dataplane.Native, 0, false, true},
		{"auto", dataplane.Auto, 0, false, true},
		{"generic", dataplane.Generic, 0, false, false},
		{"to a port that is attached", dataplane.Auto, 7, true, true},
		{"to a port that is not yet", dataplane.Auto, 0, true, false},
		{"to another's program", dataplane.Auto, 7, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := configOf("eth0")
			if test.interfaces1 {
				c = configOf("eth0", "eth1")
			}
			c.Interfaces[0].Mode = test.mode0
			c.Balance.Services = []config.Service{service("web", "203.0.113.1", "10.0.0.2")}
			eth1 := with(ethernet(3, "eth1"), noRedirect, func(l *netstate.Link) { l.Program = test.program })
			_, warnings, err := Build(Input{Config: c, View: view(ethernet(2, "eth0"), eth1),
				NextHops: map[netip.Addr]netstate.NextHop{addr("10.0.0.2"): onLink(3, "10.0.0.2")}})
			if err != nil || (len(warnings) != 0) != test.warned {
				t.Errorf("%v, %v", warnings, err)
			}
		})
	}
}

// What is wrong with many backends is said once for each service.
func TestTroublesAreGathered(t *testing.T) {
	hops := map[netip.Addr]netstate.NextHop{}
	var all []string
	for i := range 12 {
		a := fmt.Sprintf("10.0.0.%d", i+2)
		all = append(all, a)
		hops[addr(a)] = netstate.NextHop{Unreachable: true}
	}
	hops[addr(all[11])] = withHop(onLink(2, all[11]), func(h *netstate.NextHop) { h.MTU = 500 })
	c := configOf("eth0")
	c.Balance.Services = []config.Service{service("web", "203.0.113.1", all...), service("dns", "203.0.113.2", all[:2]...)}
	_, warnings, err := Build(Input{Config: c, View: view(ethernet(2, "eth0")), NextHops: hops})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		who, _, _ := strings.Cut(w.Text, ":")
		got = append(got, w.Place+": "+who)
	}
	want := []string{
		"service web: backends 10.0.0.2, 10.0.0.3, 10.0.0.4 and 8 more",
		"service web: backend 10.0.0.13",
		"service dns: backends 10.0.0.2, 10.0.0.3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
