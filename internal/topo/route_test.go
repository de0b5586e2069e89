// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

func netipPort(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, 0) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// outcome is what a host gets back for an echo request.
type outcome struct {
	from       string // "" for nothing
	kind, code uint8
}

var (
	reply4 = outcome{"203.0.113.2", 0, 0}
	reply6 = outcome{"2001:db8:200::2", 129, 0}
)

// check sends an echo request of a size from the client through the router.
func check(t *testing.T, lab *topo.Lab, to string, size int, want outcome) {
	t.Helper()
	patience := 5 * time.Second
	if want == (outcome{}) {
		patience = 50 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got outcome
	r, err := wire.Echo{From: lab.Host("client"), To: addr(to), Size: size, ID: 1}.Send(ctx)
	switch {
	case err == nil:
		got = outcome{r.From.String(), r.Type, r.Code}
	case ctx.Err() == nil:
		t.Error(err)
	}
	if got != want {
		t.Errorf("to %s: got %+v, want %+v", to, got, want)
	}
}

// Each type of route does what it says, and no more when it is deleted.
func TestRoutes(t *testing.T) {
	const router4, router6 = "192.0.2.1", "2001:db8:1::1"
	server4, server6 := prefix("203.0.113.2/32"), prefix("2001:db8:200::2/128")
	tests := []struct {
		name  string
		route topo.Route
		size  int
		want  outcome
	}{
		{"blackhole IPv4", topo.Route{To: server4, Type: topo.Blackhole}, 0, outcome{}},
		{"blackhole IPv6", topo.Route{To: server6, Type: topo.Blackhole}, 0, outcome{}},
		{"unreachable IPv4", topo.Route{To: server4, Type: topo.Unreachable}, 0, outcome{router4, 3, 1}},
		{"unreachable IPv6", topo.Route{To: server6, Type: topo.Unreachable}, 0, outcome{router6, 1, 0}},
		{"prohibit IPv4", topo.Route{To: server4, Type: topo.Prohibit}, 0, outcome{router4, 3, 13}},
		{"prohibit IPv6", topo.Route{To: server6, Type: topo.Prohibit}, 0, outcome{router6, 1, 1}},
		{"MTU IPv4", topo.Route{To: server4, Device: "eth2", MTU: 1300}, 1400, outcome{router4, 3, 4}},
		{"MTU IPv6", topo.Route{To: server6, Device: "eth2", MTU: 1300}, 1400, outcome{router6, 2, 0}},
		{"below the MTU IPv4", topo.Route{To: server4, Device: "eth2", MTU: 1300}, 1000, reply4},
		{"other table IPv4", topo.Route{To: server4, Type: topo.Blackhole, Table: 100}, 0, reply4},
		{"other table IPv6", topo.Route{To: server6, Type: topo.Blackhole, Table: 100}, 0, reply6},
		{"multipath IPv4", topo.Route{To: server4, Hops: []topo.Hop{{Device: "eth2", Weight: 2}, {Device: "eth2"}}}, 0, reply4},
		{"multipath IPv6", topo.Route{To: server6, Hops: []topo.Hop{
			{Device: "eth2", Via: addr("2001:db8:200::2")}, {Device: "eth2", Via: addr("2001:db8:200::3")},
		}}, 0, reply6},
		{"IPv4 over IPv6", topo.Route{To: server4, Device: "eth2", Via: addr("2001:db8:200::2")}, 0, reply4},
		{"other TOS IPv4", topo.Route{To: server4, Type: topo.Blackhole, TOS: 16}, 0, reply4},
		{"worse metric IPv4", topo.Route{To: prefix("203.0.113.0/24"), Type: topo.Blackhole, Metric: 10}, 0, reply4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lab := topotest.New(t, topo.Demo())
			router := lab.Host("router")
			known := topo.Neighbor{Device: "eth2", MAC: net.HardwareAddr{2, 0xc1, 0xea, 0, 2, 0}, Address: addr("2001:db8:200::3")}
			if err := router.AddNeighbor(known); err != nil {
				t.Fatal(err)
			}
			to, normal := "203.0.113.2", reply4
			if tt.route.To.Addr().Is6() {
				to, normal = "2001:db8:200::2", reply6
			}
			if err := router.AddRoute(tt.route); err != nil {
				t.Fatal(err)
			}
			check(t, lab, to, tt.size, tt.want)
			if err := router.DeleteRoute(tt.route); err != nil {
				t.Fatal(err)
			}
			check(t, lab, to, 0, normal)
		})
	}
}

// count runs fn and returns how many IP packets a host received meanwhile.
func count(t *testing.T, h *topo.Host, fn func()) int {
	t.Helper()
	c, err := wire.NewCapture(h, "eth0", func(f []byte) bool {
		return f[12] == 0x08 && f[13] == 0 || f[12] == 0x86 && f[13] == 0xdd && f[20] == 58 && f[54] == 128
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fn()
	frames, err := c.Until(50 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return len(frames)
}

// Packets go where the route, or the rule with its table, leads them.
func TestRouteVia(t *testing.T) {
	for _, family := range []struct {
		name, to string
		want     outcome
		route    topo.Route
		from     netip.Prefix
	}{
		{"IPv4", "203.0.113.2", reply4, topo.Route{To: prefix("203.0.113.2/32"), Via: topo.DemoServer14}, prefix("192.0.2.0/24")},
		{"IPv6", "2001:db8:200::2", reply6, topo.Route{To: prefix("2001:db8:200::2/128"), Via: topo.DemoServer16}, prefix("2001:db8:1::/64")},
	} {
		t.Run(family.name, func(t *testing.T) {
			lab := topotest.New(t, topo.Demo())
			router, server1 := lab.Host("router"), lab.Host("server1")
			if err := server1.AddAddress("eth0", family.route.To); err != nil { // server1 answers for server2
				t.Fatal(err)
			}
			arrive := func(what string, want int) {
				t.Helper()
				if n := count(t, server1, func() { check(t, lab, family.to, 0, family.want) }); n != want {
					t.Errorf("%s: server1 got %d packets, not %d", what, n, want)
				}
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			arrive("without a route", 0)
			must(router.AddRoute(family.route))
			arrive("with a route", 1)
			must(router.DeleteRoute(family.route))
			arrive("without it again", 0)

			family.route.Table = 100
			must(router.AddRoute(family.route))
			rule := topo.Rule{From: family.from, To: family.route.To, Input: "eth0", Priority: 50, Table: 100}
			other := topo.Rule{From: family.from, Input: "eth1", Priority: 40, Table: 100}
			must(router.AddRule(other))
			arrive("with another rule", 0)
			must(router.AddRule(rule))
			arrive("with a rule", 1)
			must(router.DeleteRule(rule))
			arrive("without it again", 0)
		})
	}
}

// A static neighbour is believed, whoever it leads to, and asked for again
// when it is deleted.
func TestNeighbors(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	client := lab.Host("client")
	for to, via := range map[string]netip.Addr{"203.0.113.2": addr("192.0.2.1"), "2001:db8:200::2": addr("2001:db8:1::1")} {
		want := reply4
		if via.Is6() {
			want = reply6
		}
		check(t, lab, to, 0, want)
		n := topo.Neighbor{Device: "eth0", Address: via, MAC: net.HardwareAddr{2, 9, 9, 9, 9, 9}}
		if err := client.AddNeighbor(n); err != nil {
			t.Fatal(err)
		}
		check(t, lab, to, 0, outcome{})
		if err := client.DeleteNeighbor(n); err != nil {
			t.Fatal(err)
		}
		check(t, lab, to, 0, want)
	}
}

// With static neighbours nobody asks, and without them all still get through.
func TestStaticNeighbors(t *testing.T) {
	for _, static := range []bool{true, false} {
		demo := topo.Demo()
		demo.StaticNeighbors = static
		lab := topotest.New(t, demo)
		c, err := wire.NewCapture(lab.Host("server2"), "eth0", func(f []byte) bool { return f[12] == 8 && f[13] == 6 })
		if err != nil {
			t.Fatal(err)
		}
		check(t, lab, "203.0.113.2", 0, reply4)
		check(t, lab, "2001:db8:200::2", 0, reply6)
		arp, err := c.Until(50 * time.Millisecond)
		if err != nil || (len(arp) == 0) != static {
			t.Errorf("static %v: %d ARP packets, %v", static, len(arp), err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
