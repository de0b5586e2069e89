// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"clearway/dataplane"

	"github.com/google/go-cmp/cmp"
)

func TestReadLinks(t *testing.T) {
	lab := newLab(t)
	router := lab.Host("router")
	run(t, router, `
		ip link set eth1 mtu 1400
		ip link add br0 type bridge
		ip link add p0 type veth peer name p1
		ip link set p0 master br0
		ip link add mv0 link p1 type macvlan mode passthru
		ip tuntap add tap0 mode tap vnet_hdr
		ip tuntap add tap1 mode tap
		ip tuntap add tun0 mode tun`)
	v := read(t, router)
	if !slices.IsSortedFunc(v.Links, func(a, b Link) int { return a.Index - b.Index }) {
		t.Error("links are not in order")
	}

	eth1, err := router.Interface("eth1")
	if err != nil {
		t.Fatal(err)
	}
	got := v.ByName("eth1")
	if got.Index != eth1.Index || got.MTU != 1400 || !got.Up || !got.Ethernet || got.Type != "veth" || got.MAC != dataplane.MAC(eth1.MAC) {
		t.Errorf("eth1 is %+v, the lab says %+v", *got, eth1)
	}
	if v.ByIndex(eth1.Index) != got {
		t.Errorf("ByIndex(%d) is another link", eth1.Index)
	}
	if lo := v.ByName("lo"); lo.Ethernet || lo.Type != "" {
		t.Errorf("lo is %+v", *lo)
	}
	if tun := v.ByName("tun0"); tun.Ethernet {
		t.Errorf("tun0 is %+v", *tun)
	}
	if p0 := v.ByName("p0"); p0.Master != v.ByName("br0").Index || p0.MasterType != "bridge" || p0.Up || p0.Claimed != "" {
		t.Errorf("p0 is %+v", *p0)
	}
	if p1 := v.ByName("p1"); p1.Claimed != "macvlan" || p1.Peer != (Peer{Name: "p0"}) || p1.Master != 0 {
		t.Errorf("p1 is %+v", *p1)
	}
	if with, without := v.ByName("tap0"), v.ByName("tap1"); !with.PartialChecksum || without.PartialChecksum || !with.Ethernet {
		t.Errorf("taps: %+v, %+v", *with, *without)
	}
	if v.ByName("none") != nil || v.ByIndex(4711) != nil {
		t.Error("a link that doesn't exist was found")
	}
}

// The kernel also forwards less than these say; what it must not is more.
func TestReadForwarding(t *testing.T) {
	tests := []struct {
		sysctls      string // key=value …
		want4, want6 bool
		all6         bool
		rpFilter     dataplane.RPFilter
		needsForcing bool
	}{
		{sysctls: ""},
		{sysctls: "ipv4/conf/eth0/forwarding=1", want4: true},
		{sysctls: "ipv4/conf/all/forwarding=1", want4: true},
		{sysctls: "ipv4/conf/all/forwarding=1 ipv4/conf/eth0/forwarding=0"},
		{sysctls: "ipv6/conf/eth0/forwarding=1"},
		{sysctls: "ipv6/conf/all/forwarding=1", want6: true, all6: true},
		{sysctls: "ipv6/conf/all/forwarding=1 ipv6/conf/eth0/forwarding=0", all6: true},
		{sysctls: "ipv6/conf/all/forwarding=1 ipv6/conf/eth0/disable_ipv6=1", all6: true},
		{sysctls: "ipv6/conf/eth0/forwarding=1 ipv6/conf/eth0/force_forwarding=1", want6: true, needsForcing: true},
		{sysctls: "ipv4/conf/all/rp_filter=2", rpFilter: dataplane.RPFilterLoose},
		{sysctls: "ipv4/conf/eth0/rp_filter=1", rpFilter: dataplane.RPFilterStrict},
		{sysctls: "ipv4/conf/all/rp_filter=1 ipv4/conf/eth0/rp_filter=2", rpFilter: dataplane.RPFilterLoose},
		{sysctls: "ipv4/conf/all/rp_filter=2 ipv4/conf/eth0/rp_filter=1", rpFilter: dataplane.RPFilterLoose},
	}
	for _, test := range tests {
		t.Run(test.sysctls, func(t *testing.T) {
			router := newLab(t).Host("router")
			for _, setting := range strings.Fields("ipv4/conf/all/rp_filter=0 ipv4/conf/eth0/rp_filter=0 " + test.sysctls) {
				key, value, _ := strings.Cut(setting, "=")
				err := router.SetSysctl("net/"+key, value)
				if errors.Is(err, os.ErrNotExist) && test.needsForcing {
					return // a kernel before 6.17 has nothing to read
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			v := read(t, router)
			l := v.ByName("eth0")
			if l.Forward4 != test.want4 || l.Forward6 != test.want6 || v.Forwarding6 != test.all6 || l.RPFilter != test.rpFilter {
				t.Errorf("forwards IPv4 %v, IPv6 %v (all %v), rp_filter %d", l.Forward4, l.Forward6, v.Forwarding6, l.RPFilter)
			}
		})
	}
}

func TestReadAddresses(t *testing.T) {
	router := newLab(t).Host("router")
	run(t, router, `
		ip link set lo up
		ip addr add 203.0.113.7/32 dev lo
		ip route add local 198.51.100.0/24 dev lo table 77
		ip route add local 198.51.100.0/24 dev lo table 78
		ip -6 route add local 2001:db8:7::/48 dev lo`)
	v := read(t, router)
	for _, want := range prefixes("127.0.0.0/8", "::1/128", "10.0.0.1/32", "10.1.0.1/32", "203.0.113.7/32",
		"198.51.100.0/24", "fd00::1/128", "fd00:1::1/128", "2001:db8:7::/48") {
		if !slices.Contains(v.Local, want) {
			t.Errorf("%v is not local: %v", want, v.Local)
		}
	}
	for _, other := range prefixes("10.0.0.2/32", "10.0.0.0/24", "10.0.0.255/32", "fd00::/64") {
		if slices.Contains(v.Local, other) {
			t.Errorf("%v is local", other)
		}
	}
	if n := slices.Compact(slices.Clone(v.Local)); len(n) != len(v.Local) {
		t.Errorf("some are listed twice: %v", v.Local)
	}
	if want := prefixes("10.0.0.255/32", "10.1.0.255/32", "127.255.255.255/32"); !slices.Equal(v.Broadcast, want) {
		t.Errorf("broadcast addresses are %v, want %v", v.Broadcast, want)
	}
}

func TestReadExceptions(t *testing.T) {
	router := newLab(t).Host("router")
	run(t, router, `
		ip route add default via 10.0.0.2 mtu 1400
		ip route add 192.0.2.0/24 via 10.1.0.2
		ip route add 192.0.2.64/26 tos 0x10 via 10.1.0.2
		ip route add 192.0.2.128/25 via 10.1.0.2 mtu lock 1300
		ip route add 192.0.2.192/26 via 10.1.0.2 mtu 1200
		ip route add blackhole 192.0.2.208/28
		ip route add 198.51.100.0/24 table 7 via 10.1.0.2
		ip -6 route add 2001:db8:1::/48 dev eth1 mtu 1400
		ip -6 route add 2001:db8:1:1::/64 dev eth1
		ip -6 route add 2001:db8:2::/48 dev eth1 mtu 1500
		ip -6 route add 2001:db8:2:1::/64 dev eth1
		ip -6 route add 2001:db8:3::/48 dev eth1 mtu lock 1400
		ip -6 route add 2001:db8:4::/48 encap seg6 mode encap segs 2001:db8:9::1 dev eth1
		ip -6 route add 2001:db8:5::/48 nexthop via fd00::2 dev eth0 nexthop encap seg6 mode encap segs 2001:db8:9::1 via fd00:1::2 dev eth1`)
	want := []Exception{
		{Prefix: prefixes("0.0.0.0/0")[0], Exception: true, Reason: "mtu 1400"},
		{Prefix: prefixes("10.0.0.0/24")[0]},
		{Prefix: prefixes("10.1.0.0/24")[0]},
		{Prefix: prefixes("192.0.2.0/24")[0]},
		{Prefix: prefixes("192.0.2.128/25")[0]},
		{Prefix: prefixes("192.0.2.192/26")[0], Exception: true, Reason: "mtu 1200"},
		{Prefix: prefixes("192.0.2.208/28")[0]},
		{Prefix: prefixes("2001:db8:1::/48")[0], Exception: true, Reason: "mtu 1400"},
		{Prefix: prefixes("2001:db8:1:1::/64")[0]},
		{Prefix: prefixes("2001:db8:2::/48")[0]}, // its device takes no more anyway
		{Prefix: prefixes("2001:db8:2:1::/64")[0]},
		{Prefix: prefixes("2001:db8:4::/48")[0], Exception: true, Reason: "encapsulation"},
		{Prefix: prefixes("2001:db8:5::/48")[0], Exception: true, Reason: "encapsulation"},
	}
	compare := cmp.Comparer(func(a, b Exception) bool { return a == b })
	if diff := cmp.Diff(want, read(t, router).Exceptions, compare); diff != "" {
		t.Errorf("exceptions (-want +got):\n%s", diff)
	}
}

// A nexthop object shows its encapsulation in a route only in compatibility
// mode.
func TestReadExceptionNexthopObject(t *testing.T) {
	for _, compat := range []string{"1", "0"} {
		router := newLab(t).Host("router")
		if err := router.SetSysctl("net.ipv4.nexthop_compat_mode", compat); err != nil {
			t.Fatal(err)
		}
		run(t, router, `
			ip -6 nexthop add id 1 encap seg6 mode encap segs 2001:db8:9::1 dev eth1 via fd00:1::2
			ip -6 nexthop add id 2 via fd00:1::2 dev eth1
			ip nexthop add id 3 group 1/2
			ip -6 route add 2001:db8:1::/48 nhid 2
			ip -6 route add 2001:db8:2::/48 nhid 3`)
		got := read(t, router).Exceptions
		want := Exception{Prefix: prefixes("2001:db8:2::/48")[0], Exception: true, Reason: "encapsulation"}
		if len(got) != 1 || got[0] != want {
			t.Errorf("with nexthop_compat_mode %s: exceptions %v, want %v", compat, got, want)
		}
	}
}

func TestReadRules(t *testing.T) {
	tests := []struct {
		rule           string
		rules4, rules6 bool
		iif            bool
	}{
		{rule: "ip rule add from 10.9.0.0/16 to 10.8.0.0/16 tos 0x10 table 5"},
		{rule: "ip rule add iif eth0 table 5", iif: true},
		{rule: "ip rule add oif eth0 table 5"},
		{rule: "ip rule add ipproto esp table 5"},
		{rule: "ip rule add uidrange 0-100 table 5"},
		{rule: "ip rule add suppress_prefixlength 0 table main"},
		{rule: "ip rule add l3mdev pref 900"},
		{rule: "ip rule add ipproto tcp dport 80 table 5"},
		{rule: "ip rule add ipproto sctp sport 80-90 table 5"},
		{rule: "ip rule add ipproto esp dport 80 table 5", rules4: true},
		{rule: "ip rule add dport 80 table 5", rules4: true},
		{rule: "ip rule add fwmark 7 table 5", rules4: true},
		{rule: "ip rule add fwmark 0/0xff table 5", rules4: true},
		{rule: "ip rule add not fwmark 7 table 5", rules4: true},
		{rule: "ip rule add tun_id 9 table 5", rules4: true},
		{rule: "ip -6 rule add fwmark 7 table 5", rules6: true},
		{rule: "ip -6 rule add iif eth0 table 5"},
	}
	router := newLab(t).Host("router")
	for _, test := range tests {
		run(t, router, test.rule)
		v := read(t, router)
		if v.Rules4 != test.rules4 || v.Rules6 != test.rules6 || v.IifRules4 != test.iif {
			t.Errorf("%s: beyond IPv4 %v, IPv6 %v; iif %v", test.rule, v.Rules4, v.Rules6, v.IifRules4)
		}
		run(t, router, strings.Replace(test.rule, " add ", " del ", 1))
	}
}

func TestReadPolicies(t *testing.T) {
	tests := []struct {
		command  string
		ip4, ip6 bool
	}{
		{command: "ip xfrm policy add dir in src 10.0.0.0/8 dst 10.0.0.0/8"},
		{command: "ip xfrm policy add dir fwd src 10.0.0.0/8 dst 10.0.0.0/8", ip4: true},
		{command: "ip xfrm policy add dir out src 10.0.0.0/8 dst 10.0.0.0/8", ip4: true},
		{command: "ip xfrm policy add dir out src 2001:db8::/32 dst ::/0", ip6: true},
		{command: "ip xfrm policy add dir out src 10.0.0.0/8 dst 10.0.0.0/8 if_id 4"},
		{command: "ip xfrm policy setdefault in block"},
		{command: "ip xfrm policy setdefault fwd block", ip4: true, ip6: true},
	}
	for _, test := range tests {
		router := newLab(t).Host("router")
		run(t, router, test.command)
		if v := read(t, router); v.XFRM4 != test.ip4 || v.XFRM6 != test.ip6 {
			t.Errorf("%s: IPv4 %v, IPv6 %v", test.command, v.XFRM4, v.XFRM6)
		}
	}
}

func TestReadEnds(t *testing.T) {
	router := newLab(t).Host("router")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := router.Do(func() error {
		_, err := Read(ctx)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}
