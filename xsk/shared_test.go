// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// chain is a host with a link to each of two others, of two queues each:
// a eth0 ──── eth0 mid eth1 ──── eth0 b.
func newChain(t testing.TB) *topo.Lab {
	t.Helper()
	end := func(host, name string) topo.End { return topo.End{Host: host, Name: name, NAPI: topo.NAPINone} }
	return topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent("a"), topo.Silent("mid"), topo.Silent("b")},
		Links: []topo.Link{
			{A: end("a", "eth0"), B: end("mid", "eth0"), Queues: 2},
			{A: end("mid", "eth1"), B: end("b", "eth0"), Queues: 2},
		},
	})
}

// forward sends what is received on one socket on another of the same UMEM,
// until ctx ends.
func forward(ctx context.Context, from, to *xsk.Socket, c *xsk.Cache) error {
	for ctx.Err() == nil {
		a, b := from.RX.Peek(batch)
		sent, err := to.TX.Send(a)
		if err == nil && sent == len(a) {
			var more int
			more, err = to.TX.Send(b)
			sent += more
		}
		if err != nil {
			return err
		}
		from.RX.Release(sent)
		if err := to.TX.Kick(c); err != nil {
			return err
		}
		if _, err := from.Fill.Refill(c); err != nil {
			return err
		}
		if sent == 0 {
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			err := from.RX.Wait(short)
			cancel()
			if err != nil && short.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// streamThrough streams both ways between two ports, while two sockets of one
// UMEM forward between them.
func streamThrough(t *testing.T, a *port, u *xsk.UMEM, members []*xsk.Socket, b *port) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	for i := range members {
		go func() {
			c := u.NewCache()
			defer c.Flush()
			ended <- forward(ctx, members[i], members[1-i], c)
		}()
	}
	stream(t, a, b, 5000, 200)
	stream(t, b, a, 5000, 200)
	stop()
	for range members {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Packets go through a host from device to device and nothing is copied: both
// sockets are on one UMEM, shared in the kernel or registered twice.
func TestForwardBetweenDevices(t *testing.T) {
	for _, separate := range []bool{false, true} {
		t.Run(fmt.Sprint("separate ", separate), func(t *testing.T) {
			lab := newChain(t)
			mid := lab.Host("mid")
			u := newUMEM(t, xsk.UMEMOptions{})
			var members []*xsk.Socket
			err := mid.Do(func() (err error) {
				members, err = xsk.OpenAll(u, []xsk.Options{
					{Ifindex: index(t, mid, "eth0"), Fill: 1500}, {Ifindex: index(t, mid, "eth1"), Fill: 1500, Separate: separate},
				})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(t, members)
			if members[0].Separate() || members[1].Separate() != separate || members[0].ZeroCopy() || members[1].ZeroCopy() {
				t.Error("sharing or mode is wrong")
			}
			a := open(t, lab.Host("a"), newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
			b := open(t, lab.Host("b"), newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
			attach(t, lab.Host("a"), xskprog.Options{}, a)
			attach(t, lab.Host("b"), xskprog.Options{}, b)
			for i, device := range []string{"eth0", "eth1"} {
				p := attachTo(t, mid, device, xskprog.Options{})
				if err := p.Register(0, members[i].FD()); err != nil {
					t.Fatal(err)
				}
			}
			streamThrough(t, a, u, members, b)
		})
	}
}

// One mode for all: what can't be is refused, and nobody stays open.
func TestOpenAllModes(t *testing.T) {
	lab := newPair(t, 0)
	ifindex := index(t, lab.a, "eth0")
	for _, tt := range []struct {
		modes []xsk.Mode
		want  error // nil: an OptionError
	}{
		{[]xsk.Mode{xsk.Copy, xsk.ZeroCopy}, nil},
		{[]xsk.Mode{xsk.PreferZeroCopy, xsk.ZeroCopy}, xsk.ErrNotSupported},
	} {
		u := newUMEM(t, xsk.UMEMOptions{Chunks: 64})
		var all []xsk.Options
		for i, mode := range tt.modes {
			all = append(all, xsk.Options{Ifindex: ifindex, Queue: i, Mode: mode})
		}
		var sockets []*xsk.Socket
		err := lab.a.Do(func() (err error) {
			sockets, err = xsk.OpenAll(u, all)
			return err
		})
		if tt.want == nil {
			checkOptionError(t, err, "Mode")
		} else {
			wantError(t, err, tt.want)
		}
		if len(sockets) != 0 {
			t.Errorf("%v: sockets come with the error", tt.modes)
		}
	}
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 64})
	open(t, lab.a, u, xsk.Options{})
	_, err := tryOpen(t, lab.a, u, xsk.Options{Queue: 1, MultiBuffer: true})
	checkOptionError(t, err, "MultiBuffer")
	_, err = tryOpen(t, lab.a, u, xsk.Options{Queue: 1, Mode: xsk.ZeroCopy})
	wantError(t, err, xsk.ErrNotSupported)
}

func closeAll(t testing.TB, sockets []*xsk.Socket) {
	t.Helper()
	for _, s := range sockets {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Two queues of a device on one UMEM: one in the kernel, also when the first
// socket is closed before the other.
func TestSharedAcrossQueues(t *testing.T) {
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{})
	first := open(t, lab.b, u, xsk.Options{Queue: 0, Fill: 1000})
	second := open(t, lab.b, u, xsk.Options{Queue: 1, Fill: 1000})
	attach(t, lab.b, xskprog.Options{}, first, second)
	from := newUMEM(t, xsk.UMEMOptions{})
	for queue, to := range []*port{first, second} {
		stream(t, open(t, lab.a, from, xsk.Options{Queue: queue}), to, 2000, 64)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	first.cache.Flush()
	third := open(t, lab.b, u, xsk.Options{Queue: 2})
	if third.Separate() || second.Separate() {
		t.Error("the memory was registered twice")
	}
}

// XDP_SHARED_UMEM: two sockets on one queue share fill and completion ring.
func TestXDP_SHARED_UMEM(t *testing.T) {
	testkit.RequireKernel(t, "6.4", "rings mapped again from another socket")
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{})
	first, second := open(t, lab.b, u, xsk.Options{}), open(t, lab.b, u, xsk.Options{})
	from := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	p := attach(t, lab.b, xskprog.Options{})
	for _, to := range []*port{first, second, first} {
		if err := p.Register(0, to.FD()); err != nil {
			t.Fatal(err)
		}
		stream(t, from, to, 1000, 64)
		to.cache.Flush()
	}
	attach(t, lab.a, xskprog.Options{}, from)
	for _, sender := range []*port{first, second} { // they take turns
		stream(t, sender, from, 1000, 64)
		sender.cache.Flush()
	}
	checkClosedLeaves(t, lab, p, first, from)
	if err := p.Register(0, second.FD()); err != nil {
		t.Fatal(err)
	}
	stream(t, from, second, 1000, 64)
	stream(t, second, from, 1000, 64)
}

// checkClosedLeaves checks that a closed socket is really gone, though others
// use its queue: the kernel takes it out of the map, and packets go to Linux.
func checkClosedLeaves(t *testing.T, lab pair, p *xskprog.Program, first, from *port) {
	t.Helper()
	if err := p.Register(0, first.FD()); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	linux, err := wire.NewCapture(lab.b, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer linux.Close()
	if err := from.send(t.Context(), 0, 1, 64, nil); err != nil {
		t.Fatal(err)
	}
	if frames, err := linux.Until(20 * time.Millisecond); err != nil || len(frames) != 1 {
		t.Errorf("%d frames went to Linux: %v", len(frames), err)
	}
}

// A million chunks are forwarded from one port to the other and back: each is
// accounted for at the end.
func TestPingPong(t *testing.T) {
	hops := 1_000_000
	if testing.Short() {
		hops = 50_000
	}
	lab := newPair(t, 0)
	const inFlight = 512
	ends := []*port{
		open(t, lab.a, newUMEM(t, xsk.UMEMOptions{Chunks: 2048}), xsk.Options{}),
		open(t, lab.b, newUMEM(t, xsk.UMEMOptions{Chunks: 2048}), xsk.Options{}),
	}
	attach(t, lab.a, xskprog.Options{}, ends[0])
	attach(t, lab.b, xskprog.Options{}, ends[1])
	if err := ends[0].send(t.Context(), 0, inFlight, 64, nil); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for moved := 0; moved < hops; {
		for _, p := range ends {
			a, b := p.RX.Peek(batch)
			for _, span := range [2][]xsk.Desc{a, b} {
				n, err := p.TX.Send(span)
				if err != nil || n != len(span) {
					t.Fatal(n, err)
				}
				moved += n
			}
			p.RX.Release(len(a) + len(b))
			if err := p.TX.Kick(p.cache); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Fill.Refill(p.cache); err != nil {
				t.Fatal(err)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d", moved, hops)
		}
	}
	for _, p := range ends {
		if s, err := p.Statistics(); err != nil || s.RXDropped+s.RXRingFull+s.RXInvalid+s.TXInvalid != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	}
}
