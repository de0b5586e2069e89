// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/health"
	"clearway/internal/netstate"

	"github.com/google/go-cmp/cmp"
)

var compareNetip = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// service is one of mode ipip with backends of weight 1.
func service(name, address string, backends ...string) config.Service {
	s := config.Service{Name: name, Address: addr(address), Mode: dataplane.IPIP, DownGrace: time.Second}
	for _, b := range backends {
		s.Backends = append(s.Backends, config.Backend{Address: addr(b), Weight: 1})
	}
	return s
}

func checked(s config.Service) config.Service {
	s.Health = &config.Health{Type: "http", Port: 8080, Path: "/", Interval: 3, Timeout: 2, Rise: 4, Fall: 5}
	return s
}

// onLink is the way to an address on the link of a device.
func onLink(egress int, address string) netstate.NextHop {
	h := netstate.NextHop{Egress: egress, Ethernet: true, Gateway: addr(address), MAC: mac(99), MTU: 1500, Source: addr("10.0.0.1")}
	if h.Gateway.Is6() {
		h.Source = addr("2001:db8::1")
	}
	return h
}

func withHop(h netstate.NextHop, change ...func(*netstate.NextHop)) netstate.NextHop {
	for _, c := range change {
		c(&h)
	}
	return h
}

func TestPunt(t *testing.T) {
	c := configOf("eth0")
	c.Punt = []config.PuntRule{{Name: "dns", Protocol: dataplane.UDP, Address: addr("192.0.2.53"), Port: 53}, {Name: "all", Protocol: dataplane.TCP, Address: addr("2001:db8::53")}}
	s, warnings, err := Build(Input{Config: c, View: view(ethernet(1, "eth0"))})
	if err != nil {
		t.Fatal(err)
	}
	want := []dataplane.PuntRule{{Name: "dns", Protocol: dataplane.UDP, Address: addr("192.0.2.53"), Port: 53}, {Name: "all", Protocol: dataplane.TCP, Address: addr("2001:db8::53")}}
	if diff := cmp.Diff(want, s.Punt, compareNetip); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if addresses := Addresses(c); len(addresses) > 0 {
		t.Errorf("the next hops of %v are asked for, which no rule needs; warnings %v", addresses, warnings)
	}
}

func TestBalance(t *testing.T) {
	c := configOf("eth0")
	c.Balance = config.Balance{
		OuterMap: "hash", Seed: 7, GUEPort: 6081, ICMPRate: 5,
		Source4: netip.MustParsePrefix("10.9.0.0/16"), Source6: netip.MustParsePrefix("2001:db8:9::/64"),
		Services: []config.Service{
			{
				Name: "web", Address: addr("203.0.113.1"), Protocol: dataplane.TCP, Ports: []uint16{80, 443}, TableSize: 251,
				Mode: dataplane.GUE, Affinity: dataplane.AffinitySource, Tracking: dataplane.TrackAlways, Settle: time.Minute,
				Backends: []config.Backend{{Address: addr("10.0.0.3"), Weight: 5}, {Address: addr("10.0.0.2"), Weight: 1}},
			},
			service("dns", "2001:db8::1", "10.0.0.2"),
		},
	}
	in := Input{
		Config: c, View: view(ethernet(2, "eth0"), with(ethernet(3, "eth1"), func(l *netstate.Link) { l.MTU = 9000 })),
		NextHops: map[netip.Addr]netstate.NextHop{
			addr("10.0.0.2"): onLink(2, "10.0.0.2"),
			addr("10.0.0.3"): withHop(onLink(3, "10.0.0.254"), func(h *netstate.NextHop) { h.MAC, h.MTU = dataplane.MAC{}, 9100 }),
		},
		ResizeNow: true,
	}
	s, warnings, err := Build(in)
	if err != nil || len(warnings) != 0 {
		t.Errorf("%v, %v", warnings, err)
	}
	active := func(address string, weight uint16) dataplane.Backend {
		return dataplane.Backend{Address: addr(address), Weight: weight, Alive: true, Accept: true, State: dataplane.Active}
	}
	want := dataplane.State{
		Services: []dataplane.Service{
			{
				Name: "web", Address: addr("203.0.113.1"), Protocol: dataplane.TCP, Ports: []uint16{80, 443}, TableSize: 251,
				Mode: dataplane.GUE, Affinity: dataplane.AffinitySource, Tracking: dataplane.TrackAlways, Settle: time.Minute,
				Backends: []dataplane.Backend{active("10.0.0.3", 5), active("10.0.0.2", 1)},
			},
			{Name: "dns", Address: addr("2001:db8::1"), Mode: dataplane.IPIP, Backends: []dataplane.Backend{active("10.0.0.2", 1)}},
		},
		NextHops: map[netip.Addr]dataplane.NextHop{
			addr("10.0.0.2"): {Egress: 2, MAC: mac(99), MTU: 1500},
			addr("10.0.0.3"): {Egress: 3, MTU: 9000},
		},
		Balance: dataplane.Balance{
			OuterHash: true, Seed: 7, GUEPort: 6081, ICMPRate: 5,
			Source4: netip.MustParsePrefix("10.9.0.0/16"), Source6: netip.MustParsePrefix("2001:db8:9::/64"),
		},
		ResizeNow: true,
	}
	got := dataplane.State{Services: s.Services, NextHops: s.NextHops, Balance: s.Balance, ResizeNow: s.ResizeNow}
	if diff := cmp.Diff(want, got, compareNetip); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

func TestBackendStates(t *testing.T) {
	const (
		none, drain, disable         = dataplane.NoOrder, dataplane.OrderDrain, dataplane.OrderDisable
		unknown, up, down, gone      = health.Unknown, health.Up, health.Down, health.Gone
		isUnknown, active, isDown    = dataplane.Unknown, dataplane.Active, dataplane.Down
		draining, disabled           = dataplane.Draining, dataplane.Disabled
		unchecked                    = health.Status(99)
		accepts, lives, takesNothing = "alive accept", "alive", ""
	)
	tests := []struct {
		name   string
		status health.Status
		weight uint16
		order  dataplane.Order
		state  dataplane.BackendState
		packet string
	}{
		{"no check", unchecked, 3, none, active, accepts},
		{"no check, weight 0", unchecked, 0, none, draining, lives},
		{"no check, draining", unchecked, 3, drain, draining, lives},
		{"no check, disabled", unchecked, 3, disable, disabled, takesNothing},
		{"up", up, 3, none, active, accepts},
		{"up, weight 0", up, 0, none, draining, lives},
		{"up, draining", up, 3, drain, draining, lives},
		{"up, disabled", up, 3, disable, disabled, takesNothing},
		{"up, disabled with weight 0", up, 0, disable, disabled, takesNothing},
		{"down", down, 3, none, isDown, lives},
		{"down, weight 0", down, 0, none, draining, lives},
		{"down, draining", down, 3, drain, draining, lives},
		{"down, disabled", down, 3, disable, disabled, takesNothing},
		{"gone", gone, 3, none, isDown, takesNothing},
		{"gone, weight 0", gone, 0, none, draining, takesNothing}, // its flows have nowhere to go on
		{"gone, draining", gone, 3, drain, draining, takesNothing},
		{"gone, disabled", gone, 3, disable, disabled, takesNothing},
		{"no result yet", unknown, 3, none, isUnknown, takesNothing},
		{"no result yet, weight 0", unknown, 0, none, draining, takesNothing},
		{"no result yet, draining", unknown, 3, drain, draining, takesNothing},
		{"no result yet, disabled", unknown, 3, disable, disabled, takesNothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := service("web", "203.0.113.1", "10.0.0.2")
			s.Backends[0].Weight = test.weight
			key := health.Key{Service: "web", Address: addr("10.0.0.2")}
			other := health.Key{Service: "other", Address: key.Address} // which this one has nothing to do with
			in := Input{Config: configOf(), Health: health.View{other: health.Gone}, Orders: map[health.Key]dataplane.Order{
				key: test.order, other: disable,
			}}
			if test.status != unchecked {
				s = checked(s)
				in.Health[key] = test.status
			}
			in.Config.Balance.Services = []config.Service{s}
			state, _, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			want := dataplane.Backend{
				Address: key.Address, Weight: test.weight, State: test.state, Order: test.order,
				Alive: test.packet != takesNothing, Accept: test.packet == accepts,
			}
			if got := state.Services[0].Backends[0]; got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// A backend that is this machine is refused, and gets nothing from one that goes
// on all the same.
func TestLocalBackend(t *testing.T) {
	c := configOf("eth0")
	c.Balance.Services = []config.Service{service("web", "203.0.113.1", "10.0.0.1", "10.0.0.2"), service("dns", "203.0.113.2", "10.0.0.1")}
	s, _, err := Build(Input{Config: c, View: view(ethernet(2, "eth0")), NextHops: map[netip.Addr]netstate.NextHop{
		addr("10.0.0.1"): {Local: true}, addr("10.0.0.2"): onLink(2, "10.0.0.2"),
	}})
	for i, want := range []BackendError{{"web", addr("10.0.0.1")}, {"dns", addr("10.0.0.1")}} {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) != 2 {
			t.Fatalf("error %v", err)
		}
		var refused *BackendError
		if !errors.As(joined.Unwrap()[i], &refused) || *refused != want {
			t.Errorf("error %v, want %v", joined.Unwrap()[i], &want)
		}
	}
	down := dataplane.Backend{Address: addr("10.0.0.1"), Weight: 1, State: dataplane.Down}
	if got := s.Services[0].Backends[0]; got != down {
		t.Errorf("it is %+v", got)
	}
	if !s.Services[0].Backends[1].Accept || len(s.NextHops) != 1 {
		t.Errorf("the rest is %+v, by %v", s.Services, s.NextHops)
	}
}

// All that is said of a backend that passes its check is said where it is taken to
// have passed, and nothing of the others changes.
func TestOnceChecked(t *testing.T) {
	c := configOf("eth0")
	web := checked(service("web", "203.0.113.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"))
	web.Backends[4].Weight = 0
	c.Balance.Services = []config.Service{service("dns", "203.0.113.2", "10.0.0.2"), web}
	key := func(a string) health.Key { return health.Key{Service: "web", Address: addr(a)} }
	in := Input{Config: c, View: view(ethernet(2, "eth0")), NextHops: map[netip.Addr]netstate.NextHop{},
		Health: health.View{key("10.0.0.3"): health.Down, key("10.0.0.4"): health.Up},
		Orders: map[health.Key]dataplane.Order{key("10.0.0.5"): dataplane.OrderDisable}}
	build := func() []dataplane.Service {
		s, _, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		return s.Services
	}
	before := build()
	got, differ := OnceChecked(before)
	if diff := cmp.Diff(build(), before, compareNetip); diff != "" {
		t.Errorf("what was given has changed:\n%s", diff)
	}
	in.Health[key("10.0.0.2")] = health.Up
	want := build()
	if diff := cmp.Diff(want, got, compareNetip); diff != "" || !differ {
		t.Errorf("differ %v (-want +got):\n%s", differ, diff)
	}
	if _, differ = OnceChecked(want); differ {
		t.Error("there is none to be checked, and it differs")
	}
}
