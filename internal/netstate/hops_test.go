// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"clearway/dataplane"
	"clearway/internal/topo"

	"github.com/google/go-cmp/cmp"
)

// hops asks for next hops inside a host.
func hops(t *testing.T, h *topo.Host, r *Reader, texts ...string) (all map[netip.Addr]NextHop) {
	t.Helper()
	var addresses []netip.Addr
	for _, text := range texts {
		addresses = append(addresses, addr(text))
	}
	err := h.Do(func() (err error) {
		all, err = r.NextHops(t.Context(), addresses)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// resolved asks again and again until all that can have a MAC have one.
func resolved(t *testing.T, h *topo.Host, r *Reader, texts ...string) map[netip.Addr]NextHop {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all := hops(t, h, r, texts...)
		missing := ""
		for address, hop := range all {
			if hop.Gateway.IsValid() && hop.MAC == (dataplane.MAC{}) {
				missing = address.String()
			}
		}
		if missing == "" {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not resolved: %s", missing, state(t, h, missing))
		}
	}
}

var compareAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestNextHops(t *testing.T) {
	lab := newLab(t)
	router := lab.Host("router")
	run(t, router, `
		ip route add 192.0.2.0/24 via 10.1.0.2
		ip route add 192.0.3.0/24 via 10.1.0.2 mtu 1400
		ip route add 192.0.4.0/24 via 10.1.0.2 mtu 9000
		ip route add 192.0.5.0/24 via 10.1.0.2 src 10.0.0.1
		ip route add 192.0.6.0/24 via inet6 fd00:1::2 dev eth1
		ip route add blackhole 198.51.100.0/24
		ip route add unreachable 198.51.101.0/24
		ip route add prohibit 198.51.102.0/24
		ip -6 route add 2001:db8::/32 via fd00::2
		ip -6 route add 2001:db8:1::/48 via fd00::2 mtu lock 1300
		ip -6 route add blackhole 2001:db8:2::/48
		ip -6 route add 2001:db8:3::/48 encap seg6 mode encap segs 2001:db8:9::1 via fd00::2 dev eth0
		sysctl -w net.ipv6.conf.eth1.mtu=1450`)
	eth0, eth1 := link(t, router, "eth0").Index, link(t, router, "eth1").Index
	a, b := link(t, lab.Host("a"), "eth0").MAC, link(t, lab.Host("b"), "eth0").MAC
	via := func(egress int, gateway string, mac dataplane.MAC, mtu int, source string) NextHop {
		return NextHop{Egress: egress, Ethernet: true, Gateway: addr(gateway), MAC: mac, MTU: mtu, Source: addr(source)}
	}
	encap := via(eth0, "fd00::2", a, 1500, "fd00::1")
	encap.Encap = true
	tests := map[string]NextHop{
		"10.0.0.2":     via(eth0, "10.0.0.2", a, 1500, "10.0.0.1"),
		"10.1.0.2":     via(eth1, "10.1.0.2", b, 1500, "10.1.0.1"),
		"192.0.2.1":    via(eth1, "10.1.0.2", b, 1500, "10.1.0.1"),
		"192.0.3.1":    via(eth1, "10.1.0.2", b, 1400, "10.1.0.1"),
		"192.0.4.1":    via(eth1, "10.1.0.2", b, 1500, "10.1.0.1"), // no more than the device takes
		"192.0.5.1":    via(eth1, "10.1.0.2", b, 1500, "10.0.0.1"),
		"192.0.6.1":    via(eth1, "fd00:1::2", b, 1500, "10.1.0.1"),
		"fd00::2":      via(eth0, "fd00::2", a, 1500, "fd00::1"),
		"fd00:1::2":    via(eth1, "fd00:1::2", b, 1450, "fd00:1::1"),
		"2001:db8::1":  via(eth0, "fd00::2", a, 1500, "fd00::1"),
		"2001:db8:1::": via(eth0, "fd00::2", a, 1300, "fd00::1"),
		"2001:db8:3::": encap,
		"198.51.100.1": {Unreachable: true},
		"198.51.101.1": {Unreachable: true},
		"198.51.102.1": {Unreachable: true},
		"203.0.113.1":  {Unreachable: true}, // no route at all
		"2001:db8:2::": {Unreachable: true},
		"2001:db9::":   {Unreachable: true},
		"10.0.0.255":   {Unreachable: true}, // broadcast
		"10.0.0.1":     {Local: true},
		"127.0.0.1":    {Local: true},
		"::1":          {Local: true},
		"fd00:1::1":    {Local: true},
	}
	want := map[netip.Addr]NextHop{}
	var texts []string
	for text, hop := range tests {
		want[addr(text)] = hop
		texts = append(texts, text, text)
	}
	if diff := cmp.Diff(want, resolved(t, router, new(Reader), texts...), compareAddrs); diff != "" {
		t.Errorf("next hops (-want +got):\n%s", diff)
	}
}

// A MAC is told as long as the kernel itself would send to it.
func TestNextHopStates(t *testing.T) {
	router := newLab(t).Host("router")
	const mac = "02:00:00:00:00:99"
	tests := []struct {
		state  string
		usable bool
	}{
		{"permanent", true}, {"noarp", true}, {"reachable", true}, {"stale", true}, {"delay", true}, {"probe", true},
		{"incomplete", false}, {"failed", false}, {"none", false},
	}
	for _, test := range tests {
		for _, address := range []string{"10.1.0.50", "fd00:1::50"} {
			run(t, router, fmt.Sprintf("ip neigh replace %s dev eth1 lladdr %s nud %s", address, mac, test.state))
			got := hops(t, router, new(Reader), address)[addr(address)].MAC
			if usable := got.String() == mac; usable != test.usable || !usable && got != (dataplane.MAC{}) {
				t.Errorf("%s is told to be at %s while %s", address, got, test.state)
			}
			run(t, router, "ip neigh del "+address+" dev eth1")
		}
	}
}

// Each address has one leg of a multipath route, the same one every time, and
// none that is dead.
func TestNextHopsMultipath(t *testing.T) {
	router := newLab(t).Host("router")
	run(t, router, `
		ip route add 198.18.0.0/15 nexthop via 10.0.0.2 dev eth0 nexthop via 10.1.0.2 dev eth1
		ip -6 route add 2001:db8::/32 nexthop via fd00::2 dev eth0 nexthop via fd00:1::2 dev eth1`)
	for _, prefix := range []string{"198.18.0.%d", "2001:db8::%x"} {
		var texts []string
		for i := range 64 {
			texts = append(texts, fmt.Sprintf(prefix, i+1))
		}
		before := resolved(t, router, new(Reader), texts...)
		if diff := cmp.Diff(before, resolved(t, router, new(Reader), texts...), compareAddrs); diff != "" {
			t.Errorf("legs change without a reason:\n%s", diff)
		}
		gateways := map[netip.Addr]int{}
		for _, hop := range before {
			gateways[hop.Gateway]++
		}
		if len(gateways) != 2 {
			t.Errorf("legs are %v", gateways)
		}
		run(t, router, "ip link set eth1 down")
		eth0 := link(t, router, "eth0").Index
		for address, hop := range hops(t, router, new(Reader), texts...) {
			if hop.Egress != eth0 {
				t.Errorf("%v is sent to a dead leg: %+v", address, hop)
			}
		}
		run(t, router, `
			ip link set eth1 up
			ip -6 addr replace fd00:1::1/64 dev eth1 nodad
			ip -6 route replace 2001:db8::/32 nexthop via fd00::2 dev eth0 nexthop via fd00:1::2 dev eth1`)
	}
}

func TestManyNextHops(t *testing.T) {
	router := newLab(t).Host("router")
	run(t, router, `
		ip route add 198.18.0.0/15 via 10.1.0.2
		ip -6 route add 2001:db8::/32 via fd00::2
		ip route add unreachable 198.19.0.0/20`)
	var addresses []netip.Addr
	four, six := addr("198.18.0.1"), addr("2001:db8::1")
	for range 5000 {
		addresses = append(addresses, four, six, addr("198.19.0.1").Next(), four)
		four, six = four.Next(), six.Next()
	}
	slices.Reverse(addresses)
	begin := time.Now()
	err := router.Do(func() error {
		all, err := NextHops(t.Context(), addresses)
		if len(all) != 10_001 {
			t.Errorf("%d answers", len(all))
		}
		for address, hop := range all {
			want := map[bool]string{true: "10.1.0.2", false: "fd00::2"}[address.Is4()]
			if unreachable := address == addr("198.19.0.2"); hop.Unreachable != unreachable || !unreachable && hop.Gateway != addr(want) {
				t.Fatalf("%v: %+v", address, hop)
			}
		}
		return err
	})
	took := time.Since(begin)
	t.Logf("%d next hops in %v", 10_001, took)
	if err != nil || took > 5*time.Second {
		t.Errorf("took %v: %v", took, err)
	}
}
