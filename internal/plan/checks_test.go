// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/health"
	"clearway/internal/netstate"

	"github.com/google/go-cmp/cmp"
)

func TestAddresses(t *testing.T) {
	one, two := configOf(), configOf()
	one.Balance.Services = []config.Service{service("web", "203.0.113.1", "10.0.0.2"), checked(service("dns", "203.0.113.2", "10.0.0.3", "10.0.0.2"))}
	two.Balance.Services = []config.Service{service("web", "203.0.113.1", "10.0.0.4")}
	got := fmt.Sprint(Addresses(one, nil, two))
	if want := "[10.0.0.2 203.0.113.2 10.0.0.3 10.0.0.2 10.0.0.4]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestChecks(t *testing.T) {
	const web, web6 = "203.0.113.1", "2001:db8:9::1"
	hops := map[netip.Addr]netstate.NextHop{
		addr(web):        onLink(5, "192.0.2.254"),
		addr(web6):       onLink(4, "fe80::1"),
		addr("10.0.0.2"): onLink(2, "10.0.0.2"),
		addr("10.0.0.3"): onLink(3, "10.0.0.254"),
		addr("10.0.0.4"): {Unreachable: true},
		addr("10.0.0.5"): withHop(onLink(6, "10.0.0.5"), func(h *netstate.NextHop) { h.Ethernet = false }),
		addr("10.0.0.6"): withHop(onLink(2, "10.0.0.6"), func(h *netstate.NextHop) { h.Source = netip.Addr{} }),
	}
	gue := checked(service("gue", web6, "10.0.0.3"))
	gue.Mode = dataplane.GUE
	gue.Health.Host = "example.com"
	c := configOf()
	c.Balance = config.Balance{GUEPort: 6081, Services: []config.Service{
		checked(service("web", web, "10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6")),
		service("unchecked", "203.0.113.7", "10.0.0.2"),
		gue,
		checked(service("second", web, "10.0.0.2")),
	}}
	want := func(name, backend, target, host string) health.Check {
		return health.Check{
			Key: health.Key{Service: name, Address: addr(backend)}, Type: "http", Target: netip.AddrPortFrom(addr(target), 8080),
			Path: "/", Host: host, Interval: 3, Timeout: 2, Grace: 1e9, Rise: 4, Fall: 5,
		}
	}
	target := func(mode dataplane.ServiceMode, backend string, egress int) dataplane.ProbeTarget {
		return dataplane.ProbeTarget{Mode: mode, Address: addr(backend), Source: addr("10.0.0.1"), GUEPort: 6081, Egress: egress}
	}

	checks, targets, devices := Checks(c, hops, true)
	wantTargets := map[uint32]dataplane.ProbeTarget{
		checks[0].Mark: target(dataplane.IPIP, "10.0.0.2", 2),
		checks[4].Mark: target(dataplane.GUE, "10.0.0.3", 3),
		checks[5].Mark: target(dataplane.IPIP, "10.0.0.2", 2),
	}
	if diff := cmp.Diff(wantTargets, targets, compareNetip); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	if !slices.Equal(devices, []int{4, 5}) {
		t.Errorf("devices %v", devices)
	}
	marks := map[uint32]bool{}
	for i := range checks {
		if direct := i > 0 && i < 4; direct && checks[i].Mark != 0 || !direct && (checks[i].Mark>>30 != 3 || marks[checks[i].Mark]) {
			t.Errorf("check %d has mark %#x", i, checks[i].Mark)
		}
		marks[checks[i].Mark] = true
		checks[i].Mark = 0
	}
	if diff := cmp.Diff([]health.Check{
		want("web", "10.0.0.2", web, ""), want("web", "10.0.0.4", "10.0.0.4", web), // without a way,
		want("web", "10.0.0.5", "10.0.0.5", web), want("web", "10.0.0.6", "10.0.0.6", web),
		want("gue", "10.0.0.3", web6, "example.com"), want("second", "10.0.0.2", web, ""),
	}, checks, compareNetip); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

// Probes that can't be sent as packets are go to the backends themselves, and
// Build says so.
func TestDirectChecks(t *testing.T) {
	const web = "203.0.113.1"
	gateway := onLink(5, "192.0.2.254")
	tests := []struct {
		name   string
		hop    netstate.NextHop
		prober bool
		want   string // the warning; empty if probes are sent as packets are
	}{
		{"as packets", gateway, true, ""},
		{"no prober", gateway, false, "this kernel can't…Linux 6.6"},
		{"an address of this machine", netstate.NextHop{Local: true}, true, "one of this machine's…take the address off"},
		{"no Ethernet", withHop(gateway, func(h *netstate.NextHop) { h.Ethernet = false }), true, "no Ethernet device…one that does"},
		{"no route", netstate.NextHop{Unreachable: true}, true, "no route to its address…default route"},
	}
	for _, test := range tests {
		for _, address := range []string{web, "2001:db8:9::1"} {
			t.Run(test.name+" "+address, func(t *testing.T) {
				c := configOf("eth0")
				c.Balance.Services = []config.Service{checked(service("web", address, "10.0.0.2"))}
				hops := map[netip.Addr]netstate.NextHop{addr(address): test.hop, addr("10.0.0.2"): onLink(2, "10.0.0.2")}
				checks, targets, devices := Checks(c, hops, test.prober)
				direct := test.want != ""
				to, host := netip.AddrPortFrom(addr(address), 8080), ""
				if direct {
					to = netip.AddrPortFrom(addr("10.0.0.2"), 8080)
					host = address // health writes it as URIs do
				}
				if got := checks[0]; got.Target != to || got.Host != host || (got.Mark == 0) != direct {
					t.Errorf("check %+v", got)
				}
				if (len(targets) == 0) != direct || (len(devices) == 0) != direct {
					t.Errorf("targets %v, devices %v", targets, devices)
				}
				_, warnings, err := Build(Input{Config: c, View: view(ethernet(2, "eth0")), NextHops: hops, DirectChecks: !test.prober})
				if err != nil {
					t.Fatal(err)
				}
				checkWarning(t, warnings, test.want)
				c.Balance.Services[0].Health = nil
				_, warnings, _ = Build(Input{Config: c, View: view(ethernet(2, "eth0")), NextHops: hops, DirectChecks: !test.prober})
				checkWarning(t, warnings, "")
			})
		}
	}
}

// A mark stays when other checks come and go; two that fall on one are told
// apart.
func TestMarks(t *testing.T) {
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf("10.1.%d.%d", i/250, i%250+1))
	}
	marksOf := func(services ...config.Service) map[health.Key]uint32 {
		c := configOf()
		c.Balance.Services = services
		hops := map[netip.Addr]netstate.NextHop{}
		for _, a := range Addresses(c) {
			hops[a] = onLink(2, "10.0.0.254")
		}
		checks, _, _ := Checks(c, hops, true)
		marks := map[health.Key]uint32{}
		for _, check := range checks {
			marks[check.Key] = check.Mark
		}
		return marks
	}
	web := checked(service("web", "203.0.113.1", many...))
	before := marksOf(web)
	first := web
	first.Name = "first"
	web.Backends = web.Backends[100:]
	after := marksOf(first, web)
	if len(before) != 2000 || len(after) != 3900 {
		t.Fatalf("%d and %d checks", len(before), len(after))
	}
	for key, mark := range after {
		if key.Service == "web" && before[key] != mark {
			t.Errorf("%v had mark %#x, now %#x", key, before[key], mark)
		}
	}
	key := health.Key{Service: "web", Address: addr("10.0.0.2")}
	used := map[uint32]bool{0xffffffff: true, 0xc0000000: true}
	one, two := markOf(key, used), markOf(key, used)
	if two != one+1 || one>>30 != 3 {
		t.Errorf("one key has marks %#x and %#x", one, two)
	}
}
