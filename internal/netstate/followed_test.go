// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"clearway/dataplane"
	"clearway/internal/testkit"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Watch tells of the routes and gateways that NextHops was asked for, and of no
// others.
func TestWatchNextHops(t *testing.T) {
	lab := newLab(t)
	router := lab.Host("router")
	run(t, router, "ip route add 192.0.2.0/24 via 10.1.0.2")
	mac := link(t, lab.Host("b"), "eth0").MAC.String()
	const other = "02:00:00:00:00:99"
	r, changes, _ := watch(t, router)
	asked := []string{"192.0.2.1", "fd00::2", "10.0.0.77", "203.0.113.9", "2001:db8::9"}
	resolved(t, router, r, "192.0.2.1", "fd00::2")
	tests := []struct {
		command string
		told    bool
	}{
		{"ip neigh replace 10.1.0.2 dev eth1 lladdr " + mac + " nud stale", false},
		{"ip neigh replace 10.1.0.2 dev eth1 lladdr " + mac + " nud reachable", false},
		{"ip neigh replace 10.1.0.2 dev eth1 lladdr " + mac + " nud permanent", false},
		{"ip neigh replace 10.1.0.2 dev eth1 lladdr " + other + " nud reachable", true},
		{"ip neigh replace 10.1.0.2 dev eth1 lladdr " + mac + " nud stale", true},
		{"ip neigh replace 10.1.0.2 dev eth0 lladdr " + other + " nud reachable", false}, // by another device
		{"ip neigh replace 10.1.0.3 dev eth1 lladdr " + other + " nud reachable", false}, // of nobody
		{"ip neigh del 10.1.0.3 dev eth1", false},
		{"ip neigh add proxy 10.1.0.2 dev eth1", false},
		{"ip neigh del 10.1.0.2 dev eth1", true},
		{"ip neigh replace fd00::2 dev eth0 lladdr " + other + " nud reachable", true},
		{"ip neigh replace fd00::2 dev eth0 lladdr " + other + " nud failed", true},
		{"ip neigh replace 10.0.0.77 dev eth0 nud failed", false}, // it never was there
		{"ip neigh replace 10.0.0.77 dev eth0 lladdr " + other + " nud reachable", true},
		{"ip route add 198.51.100.0/24 via 10.1.0.2", false},
		{"ip route add 192.0.2.0/28 via 10.0.0.2", true},
		{"ip route add 192.0.2.16/28 via 10.0.0.2", false},
		{"ip route del 192.0.2.0/28", true},
		{"ip route add default via 10.0.0.2", true},
		{"ip -6 route add 2001:db8:1::/48 via fd00::2", false},
		{"ip -6 route add default via fd00::2", true},
		{"ip route add blackhole 203.0.113.0/24 table 7", true},
	}
	for _, test := range tests {
		hops(t, router, r, asked...)
		settled(changes)
		run(t, router, test.command)
		if told(changes, map[bool]time.Duration{true: time.Second, false: quiet}[test.told]) != test.told {
			t.Errorf("%s: told %v", test.command, !test.told)
		}
	}
	settled(changes)
	hops(t, router, r)
	run(t, router, `
		ip neigh replace 10.1.0.2 dev eth1 lladdr `+other+` nud reachable
		ip route del 192.0.2.0/24`)
	if told(changes, quiet) {
		t.Error("told of what nobody asks for any more")
	}
}

// Whoever follows a gateway hears when it comes, when it moves to another MAC
// without a word, and not while it is only confirmed.
func TestGatewayComesAndMoves(t *testing.T) {
	lab := newLab(t)
	router, b := lab.Host("router"), lab.Host("b")
	run(t, b, "ip addr del 10.1.0.2/24 dev eth0")
	run(t, router, `
		sysctl -w net.ipv4.neigh.eth1.retrans_time_ms=50
		sysctl -w net.ipv4.neigh.eth1.delay_first_probe_time=0`)
	r, changes, _ := watch(t, router)
	if hop := hops(t, router, r, "10.1.0.2")[addr("10.1.0.2")]; hop.MAC != (dataplane.MAC{}) {
		t.Fatalf("resolved: %+v", hop)
	}
	if told(changes, 5*quiet) {
		t.Error("told of a neighbour that doesn't answer")
	}
	if got := state(t, router, "10.1.0.2"); !strings.HasSuffix(got, "FAILED") {
		t.Errorf("it is %q", got)
	}
	run(t, b, "ip addr add 10.1.0.2/24 dev eth0")
	followTo := func(mac dataplane.MAC) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		wait := router.Go(func() error { return r.RefreshNeighbours(ctx, slog.New(slog.DiscardHandler)) })
		for hops(t, router, r, "10.1.0.2")[addr("10.1.0.2")].MAC != mac {
			if !told(changes, 2*refreshEvery) {
				t.Errorf("not told that the gateway is at %v", mac)
				break
			}
		}
		cancel()
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
	followTo(link(t, b, "eth0").MAC)
	settled(changes)
	run(t, router, "ip neigh change 10.1.0.2 dev eth1 nud stale")
	run(t, b, `
		sysctl -w net.ipv4.conf.eth0.arp_notify=0
		ip link set eth0 address 02:00:00:00:00:99`)
	followTo(dataplane.MAC{2, 0, 0, 0, 0, 0x99})
}

// Routes lead to an address if their prefix holds it: the search against a plain
// comparison.
func TestLeads(t *testing.T) {
	rnd := testkit.Rand(t)
	random := func() netip.Addr {
		if rnd.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, 0, byte(rnd.IntN(3)), byte(rnd.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, 14: byte(rnd.IntN(3)), 15: byte(rnd.IntN(256))})
	}
	for range 300 {
		var f followed
		for range rnd.IntN(20) {
			f.addresses = append(f.addresses, random())
		}
		slices.SortFunc(f.addresses, netip.Addr.Compare)
		for range 100 {
			a := random()
			p := netip.PrefixFrom(a, rnd.IntN(a.BitLen()+1))
			if got, want := f.leads(p), slices.ContainsFunc(f.addresses, p.Contains); got != want {
				t.Fatalf("%v leads to one of %v: %v", p, f.addresses, got)
			}
		}
	}
}

// What is said of a gateway while an answer is under way may be missing in it.
func TestContradictsWhileUnderWay(t *testing.T) {
	gateway := neighbour{2, addr("10.0.0.1")}
	mac, other := dataplane.MAC{2, 1}, dataplane.MAC{2, 2}
	hops := map[netip.Addr]NextHop{addr("192.0.2.1"): {Egress: 2, Gateway: gateway.address}, addr("192.0.2.2"): {Local: true}}
	var f followed
	say := func(mac dataplane.MAC) bool { return f.contradicts(neighbourEntry{neighbour: gateway, mac: mac}) }
	if say(mac) {
		t.Error("told of a gateway that nobody asked for")
	}
	for range 2 {
		f.expect(hops)
		if !say(mac) || !say(other) || !say(dataplane.MAC{}) {
			t.Error("not told of a change while an answer is under way")
		}
		f.learn(map[neighbour]dataplane.MAC{gateway: mac})
		if say(mac) || !say(other) || !say(dataplane.MAC{}) {
			t.Error("not told of changes alone")
		}
	}
	if f.contradicts(neighbourEntry{mac: other}) {
		t.Error("no gateway is one")
	}
}

// What a message says of a gateway that was told to be at a MAC.
func TestMattersOfNeighbours(t *testing.T) {
	mac, other := dataplane.MAC{2, 1}, dataplane.MAC{2, 2}
	tests := []struct {
		name    string
		kind    netlink.HeaderType
		state   uint16
		flags   byte
		mac     dataplane.MAC
		index   int
		matters bool
	}{
		{"reachable", unix.RTM_NEWNEIGH, unix.NUD_REACHABLE, 0, mac, 2, false},
		{"stale", unix.RTM_NEWNEIGH, unix.NUD_STALE, 0, mac, 2, false},
		{"elsewhere", unix.RTM_NEWNEIGH, unix.NUD_STALE, 0, other, 2, true},
		{"failed, but with its last address", unix.RTM_NEWNEIGH, unix.NUD_FAILED, 0, mac, 2, true},
		{"taken away as it was", unix.RTM_DELNEIGH, unix.NUD_STALE, 0, mac, 2, true},
		{"a proxy", unix.RTM_NEWNEIGH, unix.NUD_PERMANENT, unix.NTF_PROXY, other, 2, false},
		{"on another device", unix.RTM_NEWNEIGH, unix.NUD_STALE, 0, other, 3, false},
	}
	for _, address := range []string{"10.0.0.1", "fe80::1"} {
		r := &Reader{followed: followed{gateways: map[neighbour]known{{2, addr(address)}: {mac: mac, sure: true}}}}
		for _, test := range tests {
			body := make([]byte, sizeofNdMsg)
			body[0], body[10] = familyOf(addr(address)), test.flags
			binary.NativeEndian.PutUint16(body[8:], test.state)
			nativePutUint32(body[4:], uint32(test.index))
			attrs := netlink.NewAttributeEncoder()
			attrs.Bytes(unix.NDA_DST, addr(address).AsSlice())
			attrs.Bytes(unix.NDA_LLADDR, test.mac[:])
			options, err := attrs.Encode()
			if err != nil {
				t.Fatal(err)
			}
			m := netlink.Message{Header: netlink.Header{Type: test.kind}, Data: append(body, options...)}
			if got := r.matters(m); got != test.matters {
				t.Errorf("%s %s: matters %v", address, test.name, got)
			}
		}
	}
}

// An unresolved gateway is asked for once, until it is lost again, and only so
// many at once.
func TestLearnAsks(t *testing.T) {
	const many = 2*askAtOnce + 50
	hops := map[netip.Addr]NextHop{}
	a := addr("10.0.0.1")
	for range many {
		hops[a] = NextHop{Egress: 2, Gateway: a}
		a = a.Next()
	}
	first := neighbour{2, addr("10.0.0.1")}
	var f followed
	asked := map[neighbour]int{}
	learn := func(macs map[neighbour]dataplane.MAC) int {
		f.expect(hops)
		ask := f.learn(macs)
		for _, n := range ask {
			asked[n]++
		}
		return len(ask)
	}
	got := fmt.Sprint(learn(nil), learn(nil), learn(nil), learn(nil))
	if want := fmt.Sprint(askAtOnce, askAtOnce, 50, 0); got != want {
		t.Errorf("asked %s at once, want %s", got, want)
	}
	if n := slices.Max(slices.Collect(maps.Values(asked))); n != 1 || len(asked) != many {
		t.Errorf("%d gateways were asked for, one of them %d times", len(asked), n)
	}
	if n := learn(map[neighbour]dataplane.MAC{first: {2, 1}}); n != 0 {
		t.Errorf("asked for %d when one was resolved", n)
	}
	if some := f.unresolved(many); len(some) != many-1 || slices.Contains(some, first) {
		t.Errorf("%d are unresolved", len(some))
	}
	if some := f.unresolved(7); len(some) != 7 {
		t.Errorf("%d of 7", len(some))
	}
	if learn(nil); asked[first] != 2 {
		t.Error("one that was lost was not asked for")
	}
}
