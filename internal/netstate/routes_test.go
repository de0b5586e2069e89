// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// list collects the routes to a prefix inside a namespace.
func list(ctx context.Context, to string) (found []string, err error) {
	for r, err := range Routes(ctx) {
		if err != nil {
			return nil, err
		}
		if r.Prefix.String() == to {
			line := r.String()
			if r.Exception != "" {
				line += " !" + r.Exception
			}
			found = append(found, line)
		}
	}
	return found, nil
}

func TestRoutes(t *testing.T) {
	router := newLab(t).Host("router")
	run(t, router, `
		ip route add default via 10.0.0.2 mtu 1400 metric 5
		ip route add 192.0.2.0/24 table 7 via inet6 fd00:1::2 dev eth1 mtu lock 1300
		ip route add blackhole 198.51.100.0/24
		ip -6 route add 2001:db8::/32 nexthop via fd00::2 dev eth0 nexthop via fd00:1::2 dev eth1
		ip -6 route add prohibit 2001:db8:7::/48
		ip -6 route add 2001:db8:4::/48 encap seg6 mode encap segs 2001:db8:9::1 dev eth1`)
	tests := []struct{ to, want string }{
		{"0.0.0.0/0", "unicast 0.0.0.0/0 via 10.0.0.2 dev eth0 table main metric 5 mtu 1400 !mtu 1400"},
		{"192.0.2.0/24", "unicast 192.0.2.0/24 via fd00:1::2 dev eth1 table 7 mtu lock 1300"},
		{"198.51.100.0/24", "blackhole 198.51.100.0/24 table main"},
		{"10.0.0.1/32", "local 10.0.0.1/32 dev eth0 table local"},
		{"2001:db8::/32", "unicast 2001:db8::/32 via fd00::2 dev eth0 (first of 2 legs) table main metric 1024"},
		{"2001:db8:7::/48", "prohibit 2001:db8:7::/48 dev lo table main metric 1024"},
		{"2001:db8:4::/48", "unicast 2001:db8:4::/48 dev eth1 table main metric 1024 !encapsulation"},
	}
	for _, test := range tests {
		err := router.Do(func() error {
			got, err := list(t.Context(), test.to)
			if text := strings.Join(got, "; "); text != test.want {
				t.Errorf("to %s: %q, want %q", test.to, text, test.want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestRoutesEnds(t *testing.T) {
	router := newLab(t).Host("router")
	err := router.Do(func() error {
		n := 0
		for range Routes(t.Context()) {
			if n++; n == 2 {
				break
			}
		}
		if n != 2 {
			t.Errorf("stopped after %d routes", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := list(ctx, "")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}

// More routes than one message holds, and more plain ones below an exception
// than are kept.
func TestManyRoutes(t *testing.T) {
	router := newLab(t).Host("router")
	var batch strings.Builder
	fmt.Fprintln(&batch, "route add 10.64.0.0/10 via 10.1.0.2 mtu 1400")
	for i := range maxPlain + 1 {
		fmt.Fprintf(&batch, "route add 10.%d.%d.0/24 via 10.1.0.2\n", 64+i/256, i%256)
	}
	if err := router.Do(func() error { return runBatch(batch.String()) }); err != nil {
		t.Fatal(err)
	}
	v := read(t, router)
	if len(v.Exceptions) != 1 || !v.Exceptions[0].Exception || !v.ExceptionsCut {
		t.Errorf("%d exceptions, cut %v", len(v.Exceptions), v.ExceptionsCut)
	}
	run(t, router, "ip route del 10.64.0.0/24")
	v = read(t, router)
	if len(v.Exceptions) != maxPlain+1 || v.ExceptionsCut {
		t.Errorf("%d exceptions, cut %v", len(v.Exceptions), v.ExceptionsCut)
	}
}

func TestFind(t *testing.T) {
	router := newLab(t).Host("router")
	run(t, router, `
		sysctl -w net.ipv4.conf.all.forwarding=1
		sysctl -w net.ipv6.conf.all.forwarding=1
		sysctl -w net.ipv4.conf.all.rp_filter=0
		sysctl -w net.ipv4.conf.eth0.rp_filter=1
		ip route add 192.0.2.0/24 via 10.1.0.2 mtu 1400
		ip route add blackhole 198.51.100.0/24
		ip route add prohibit 203.0.113.0/24
		ip -6 route add unreachable 2001:db8:1::/48
		ip route add 100.64.0.0/10 via 10.0.0.2 table 7
		ip rule add ipproto udp dport 53 table 7
		ip rule add tos 0x10 table 7`)
	eth0 := link(t, router, "eth0").Index
	tests := []struct {
		name   string
		lookup Lookup
		want   string
	}{
		{"routed", Lookup{Source: addr("10.0.0.2"), Destination: addr("192.0.2.1"), Ingress: eth0},
			"via 10.1.0.2 dev eth1 table main"},
		{"MTU", Lookup{Destination: addr("192.0.2.1")}, "mtu 1400"},
		{"IPv6", Lookup{Source: addr("fd00::2"), Destination: addr("fd00:1::2"), Ingress: eth0}, "dev eth1"},
		{"local", Lookup{Source: addr("10.0.0.2"), Destination: addr("10.1.0.1"), Ingress: eth0}, "local 10.1.0.1/32"},
		{"no route", Lookup{Source: addr("10.0.0.2"), Destination: addr("100.64.0.1"), Ingress: eth0}, "no route"},
		{"by port", Lookup{Source: addr("10.0.0.2"), Destination: addr("100.64.0.1"), Ingress: eth0, Protocol: 17, SourcePort: 9, DestinationPort: 53}, "table 7"},
		{"by TOS", Lookup{Source: addr("10.0.0.2"), Destination: addr("100.64.0.1"), Ingress: eth0, TOS: 0x10}, "table 7"},
		{"blackhole", Lookup{Source: addr("10.0.0.2"), Destination: addr("198.51.100.1"), Ingress: eth0}, "blackhole"},
		{"prohibit", Lookup{Source: addr("10.0.0.2"), Destination: addr("203.0.113.1"), Ingress: eth0}, "prohibited"},
		{"unreachable", Lookup{Source: addr("fd00::2"), Destination: addr("2001:db8:1::1"), Ingress: eth0}, "unreachable"},
		{"rp_filter", Lookup{Source: addr("10.1.0.2"), Destination: addr("192.0.2.1"), Ingress: eth0}, "rp_filter"},
		{"own address", Lookup{Source: addr("10.1.0.1"), Destination: addr("192.0.2.1"), Ingress: eth0}, "address"},
	}
	for _, test := range tests {
		err := router.Do(func() error {
			got, err := Find(t.Context(), test.lookup)
			if !strings.Contains(got, test.want) {
				t.Errorf("%s: %q, want %q in it", test.name, got, test.want)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }
