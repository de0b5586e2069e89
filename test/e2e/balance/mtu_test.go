// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/internal/topo"
)

// A client with segments that are too big for the way to its server, in the tunnel,
// is told how large they may be, to the byte, and its connection goes on; also when
// the way becomes narrower meanwhile.
func TestPathMTU(t *testing.T) {
	n := newNetwork(t, "lb1", "client", "s1")
	n.route("lb1", "client")
	n.newServer("s1", allServices)
	b := n.newBalancer("lb1")
	b.run(settings{interfaces: []string{"client", "s1"}, services: allServices, servers: equal("s1")})
	flows := n.newFlows("client", testkit.Rand(t), 1, allServices)
	for _, mtu := range []int{1500, 1400} {
		if mtu < 1500 {
			b.narrow("s1", mtu)
		}
		for _, f := range flows {
			want := mtu - f.service.overhead()
			n.within(patience, func() error { // until the balancer knows
				if err := f.ask(100_000); err != nil {
					t.Errorf("with %d bytes of room, %v: %v", mtu, f, err)
					return nil
				}
				if got := f.mtu(t); got != want {
					return fmt.Errorf("with %d bytes of room, %s: the client takes the MTU for %d, want %d", mtu, f.service.name, got, want)
				}
				return nil
			})
		}
	}
}

// overhead is what a tunnel adds to packets.
func (s service) overhead() int {
	if s.mode == "l2" {
		return 0
	}
	bytes := 20
	if s.outer6 {
		bytes = 40
	}
	if s.mode == "gue" {
		bytes += 8
	}
	return bytes
}

// narrow makes the ways to a server take less.
func (b *balancer) narrow(server string, mtu int) {
	b.t.Helper()
	for _, ipv6 := range []bool{false, true} {
		to := b.addressOf(server, ipv6)
		b.must(b.Host(b.on).AddRoute(topo.Route{To: netip.PrefixFrom(to, to.BitLen()), Device: server, MTU: mtu, LockMTU: true}))
	}
}

// mtu is what the client's kernel takes for the MTU of the way.
func (f *flow) mtu(t *testing.T) (mtu int) {
	t.Helper()
	raw, err := f.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if f.service.address.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	if ctlErr := raw.Control(func(fd uintptr) { mtu, err = unix.GetsockoptInt(int(fd), level, option) }); ctlErr != nil {
		err = ctlErr
	}
	if err != nil {
		t.Fatal(err)
	}
	return mtu
}

// A router on the way from servers to clients that can't take their segments tells
// the sender, which for it is the service: the error gets to the server whose
// segment it was, whichever balancer it comes by, and the connection goes on.
func TestErrorsFollowTheirFlow(t *testing.T) {
	f, c := newFleet(t), fleetSettings()
	f.lb1.run(c)
	f.lb2.run(c)
	f.route("edge", "lb1", "lb2")
	f.must(f.Host("edge").SetMTU("client", 1300))
	rnd := testkit.Rand(t)
	const clients = 15 // what a server learns holds for one of them
	for i := range clients {
		for _, a := range addresses(1, 100+i) {
			f.must(f.Host("client").AddAddress("eth0", a))
		}
		for _, s := range c.services {
			flow, err := dial(t.Context(), f.Host("client"), address(1, 100+i, s.address.Is6()), s, rnd)
			f.must(err)
			if err := flow.askTimes(1000, 20); err != nil {
				t.Errorf("%v: %v", flow, err)
			}
			flow.conn.Close()
		}
	}
	if errors4, errors6 := f.tooBigSent("edge"); min(errors4, errors6) < clients {
		t.Errorf("for %d clients the router sent %d errors about IPv4 packets and %d about IPv6 ones", clients, errors4, errors6)
	}
}

// tooBigSent counts the errors that a router has sent about packets too big.
func (n *network) tooBigSent(host string) (errors4, errors6 int) {
	n.t.Helper()
	n.must(n.Host(host).Do(func() error {
		snmp, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		// A line with names, and one with numbers.
		icmp := regexp.MustCompile("(?m)^Icmp: .*$").FindAllString(string(snmp), 2)
		at := slices.Index(strings.Fields(icmp[0]), "OutDestUnreachs")
		if errors4, err = strconv.Atoi(strings.Fields(icmp[1])[at]); err != nil {
			return err
		}
		snmp6, err := os.ReadFile("/proc/thread-self/net/snmp6")
		if err != nil {
			return err
		}
		found := regexp.MustCompile(`(?m)^Icmp6OutPktTooBigs\s+(\d+)$`).FindSubmatch(snmp6)
		errors6, err = strconv.Atoi(string(found[1]))
		return err
	}))
	return errors4, errors6
}
