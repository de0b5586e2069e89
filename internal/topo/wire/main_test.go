// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// family is one of the two ways through a lab.
type family struct {
	name           string
	client, server netip.Addr
}

var demoFamilies = []family{
	{"IPv4", topo.DemoClient4, topo.DemoServer14},
	{"IPv6", topo.DemoClient6, topo.DemoServer16},
}

var (
	clientMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	serverMAC = net.HardwareAddr{2, 0, 0, 0, 0, 2}

	boxFamilies = []family{
		{"IPv4", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")},
		{"IPv6", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")},
	}
)

// newBox makes a lab of client and server with a box between that carries
// frames as tamper says: it gets one from the client and returns what goes on
// to the server. The way back is undisturbed. After stop, which may be left to
// the test's end, tamper is not called any more.
func newBox(t *testing.T, tamper func(frame []byte) [][]byte) (client, server *topo.Host, stop func()) {
	end := func(host string, mac net.HardwareAddr, address4, address6 string) topo.End {
		return topo.End{Host: host, Name: "eth0", MAC: mac, NAPI: topo.NAPIByXDP, Addresses: []netip.Prefix{
			netip.MustParsePrefix(address4 + "/24"), netip.MustParsePrefix(address6 + "/64"),
		}}
	}
	knows := func(f func(family) netip.Addr, mac net.HardwareAddr) (ns []topo.Neighbor) {
		for _, fam := range boxFamilies {
			ns = append(ns, topo.Neighbor{Device: "eth0", Address: f(fam), MAC: mac})
		}
		return ns
	}
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{
			{Name: "client", Neighbors: knows(func(f family) netip.Addr { return f.server }, serverMAC)},
			topo.Silent("box"),
			{Name: "server", Neighbors: knows(func(f family) netip.Addr { return f.client }, clientMAC)},
		},
		Links: []topo.Link{
			{A: end("client", clientMAC, "192.0.2.1", "2001:db8::1"), B: topo.End{Host: "box", Name: "left", NAPI: topo.NAPIByXDP}},
			{A: end("server", serverMAC, "192.0.2.2", "2001:db8::2"), B: topo.End{Host: "box", Name: "right", NAPI: topo.NAPIByXDP}},
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	stop = sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	box := lab.Host("box")
	carry(t, ctx, &g, box, "left", "right", tamper)
	carry(t, ctx, &g, box, "right", "left", func(f []byte) [][]byte { return [][]byte{f} })
	return lab.Host("client"), lab.Host("server"), stop
}

// carry takes frames from one device to another until ctx ends.
func carry(t *testing.T, ctx context.Context, g *errgroup.Group, box *topo.Host, from, to string, tamper func([]byte) [][]byte) {
	t.Helper()
	c, err := NewCapture(box, from, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSender(box, to)
	if err != nil {
		c.Close()
		t.Fatal(err)
	}
	g.Go(func() error {
		defer c.Close()
		defer s.Close()
		for {
			frames, err := c.Next(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			for _, f := range frames {
				for _, out := range tamper(f) {
					if err := sendPatiently(s, out); err != nil {
						return err
					}
				}
			}
		}
	})
}

// sendPatiently waits for a device that has no room, as a cable would.
func sendPatiently(s *Sender, frame []byte) error {
	for range 1000 {
		err := s.Send(frame)
		if !errors.Is(err, unix.ENOBUFS) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the device never had room")
}
