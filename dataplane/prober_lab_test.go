// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// The service addresses, and the sources of outer headers.
var (
	probed4      = netip.MustParseAddr("192.0.2.99")
	probed6      = netip.MustParseAddr("2001:db8:99::1")
	probeSource4 = netip.MustParseAddr("172.16.0.9")
	probeSource6 = netip.MustParseAddr("100::9")
)

const probedPort = 80

// probeLab is a balancer and hosts that each have the service addresses, and
// servers there that tell the host's name:
//
//	balancer eth0 ──── eth0 router eth1 ──── eth0 one
//	         eth1                  eth2 ──── eth0 two
//	          │                    eth3 ──── eth0 elsewhere
//	          └── eth0 near
//
// Routes to the service addresses lead to elsewhere. All but that one take
// tunnels apart.
type probeLab struct {
	*topo.Lab
	t          *testing.T
	prober     *Prober
	eth0, eth1 int // of the balancer
}

func newProbeLab(t *testing.T) *probeLab {
	t.Helper()
	testkit.RequireKernel(t, "6.6", "tcx")
	l := &probeLab{t: t, Lab: topotest.New(t, probeTopology())}
	for _, host := range []string{"one", "two", "near", "elsewhere"} {
		l.serve(host, probed4)
		l.serve(host, probed6)
	}
	for _, host := range []string{"one", "two", "near"} {
		l.receiveTunnels(host)
	}
	l.eth0, l.eth1 = l.ifindex("balancer", "eth0"), l.ifindex("balancer", "eth1")
	l.do("balancer", func() (err error) {
		l.prober, err = NewProber()
		return err
	})
	t.Cleanup(func() { l.do("balancer", l.prober.Close) })
	return l
}

func probeTopology() *topo.Lab {
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	lab := &topo.Lab{StaticNeighbors: true, Hosts: []topo.HostSpec{
		{Name: "router", Forward: true, Routes: []topo.Route{
			{To: netip.PrefixFrom(probed4, 32), Via: addr("10.0.3.2")},
			{To: netip.PrefixFrom(probed6, 128), Via: addr("2001:db8:3::2")},
		}},
		{Name: "near", Routes: []topo.Route{
			{To: prefix("10.0.4.0/24"), Via: addr("10.0.5.2")},
			{To: prefix("2001:db8:4::/64"), Via: addr("2001:db8:5::2")},
		}},
	}}
	join := func(a, b, device, n string) {
		at := func(last string) []netip.Prefix {
			return []netip.Prefix{prefix("10.0." + n + "." + last + "/24"), prefix("2001:db8:" + n + "::" + last + "/64")}
		}
		end := map[string]string{"near": "eth1"}[b]
		if end == "" {
			end = "eth0"
			lab.Hosts = append(lab.Hosts, topo.HostSpec{Name: a, Routes: []topo.Route{
				{To: prefix("0.0.0.0/0"), Via: addr("10.0." + n + ".1")},
				{To: prefix("::/0"), Via: addr("2001:db8:" + n + "::1")},
			}})
		}
		lab.Links = append(lab.Links, topo.Link{
			A: topo.End{Host: a, Name: end, Addresses: at("2"), NAPI: topo.NAPINone},
			B: topo.End{Host: b, Name: device, Addresses: at("1"), NAPI: topo.NAPINone},
		})
	}
	join("balancer", "router", "eth0", "4")
	join("one", "router", "eth1", "1")
	join("two", "router", "eth2", "2")
	join("elsewhere", "router", "eth3", "3")
	join("balancer", "near", "eth0", "5")
	return lab
}

func (l *probeLab) do(host string, fn func() error) {
	l.t.Helper()
	if err := l.Host(host).Do(fn); err != nil {
		l.t.Fatal(err)
	}
}

func (l *probeLab) ifindex(host, device string) int {
	l.t.Helper()
	i, err := l.Host(host).Interface(device)
	if err != nil {
		l.t.Fatal(err)
	}
	return i.Index
}

// serve gives a host a service address, and a server that answers what it reads
// with the host's name and the number of bytes.
func (l *probeLab) serve(host string, at netip.Addr) {
	l.t.Helper()
	if err := l.Host(host).AddAddress("lo", netip.PrefixFrom(at, at.BitLen())); err != nil {
		l.t.Fatal(err)
	}
	listener, err := l.Host(host).Listen(l.t.Context(), "tcp", netip.AddrPortFrom(at, probedPort))
	if err != nil {
		l.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(5 * time.Second))
				n, _ := io.Copy(io.Discard, conn)
				fmt.Fprintf(conn, "%s %d", host, n)
			})
		}
	})
	l.t.Cleanup(func() { listener.Close(); running.Wait() })
}

func (l *probeLab) receiveTunnels(host string) {
	l.t.Helper()
	index := l.ifindex(host, "eth0")
	var receiver io.Closer
	l.do(host, func() (err error) {
		receiver, err = AttachDecap(index, decapGUE)
		return err
	})
	l.t.Cleanup(func() { receiver.Close() })
}

// ask sends n bytes to a service address over a socket with this mark and
// returns the answer.
func (l *probeLab) ask(service netip.Addr, mark, n int) (answer string, err error) {
	dialer := net.Dialer{Timeout: 2 * time.Second, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		control := c.Control(func(fd uintptr) { err = markSocket(int(fd), service, mark) })
		return errors.Join(control, err)
	}}
	err = l.Host("balancer").Do(func() error {
		conn, err := dialer.Dial("tcp", netip.AddrPortFrom(service, probedPort).String())
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := conn.Write(make([]byte, n)); err != nil {
			return err
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		b, err := io.ReadAll(conn)
		answer = string(b)
		return err
	})
	return answer, err
}

// probeTOS marks the packets of probes, so that outer headers can be told to
// have it, too.
const probeTOS = 0x48

func markSocket(fd int, service netip.Addr, mark int) error {
	tos := func() error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, probeTOS) }
	if service.Is6() {
		tos = func() error { return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, probeTOS) }
	}
	return errors.Join(tos(),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, mark),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1220))
}

func (l *probeLab) checkAsk(service netip.Addr, mark, n int, want string) {
	l.t.Helper()
	got, err := l.ask(service, mark, n)
	if want := fmt.Sprintf("%s %d", want, n); err != nil || got != want {
		l.t.Errorf("to %v with mark %#x: %q, %v, want %q", service, mark, got, err, want)
	}
}
