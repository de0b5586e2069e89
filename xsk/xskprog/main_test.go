// SPDX-License-Identifier: Apache-2.0

package xskprog_test

import (
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// newPair returns two silent hosts with a link of one queue.
func newPair(t *testing.T) (a, b *topo.Host) {
	t.Helper()
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent("a"), topo.Silent("b")},
		Links: []topo.Link{{
			A: topo.End{Host: "a", Name: "eth0", NAPI: topo.NAPINone},
			B: topo.End{Host: "b", Name: "eth0", NAPI: topo.NAPINone},
		}},
	})
	return lab.Host("a"), lab.Host("b")
}

func index(t *testing.T, h *topo.Host) int {
	t.Helper()
	i, err := h.Interface("eth0")
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}

// tryAttach attaches a program to a host's eth0, until the test ends.
func tryAttach(t *testing.T, h *topo.Host, o xskprog.Options) (p *xskprog.Program, err error) {
	t.Helper()
	o.Ifindex = index(t, h)
	err = h.Do(func() (err error) {
		p, err = xskprog.Attach(o)
		return err
	})
	if err == nil {
		t.Cleanup(func() { detach(t, h, p) })
	}
	return p, err
}

func attach(t *testing.T, h *topo.Host, o xskprog.Options) *xskprog.Program {
	t.Helper()
	p, err := tryAttach(t, h, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func detach(t *testing.T, h *topo.Host, p *xskprog.Program) {
	t.Helper()
	if err := h.Do(p.Close); err != nil {
		t.Error(err)
	}
}

// newEnds returns what sends from a, and what Linux gets of it on b, until the
// test ends.
func newEnds(t *testing.T, a, b *topo.Host) (s *wire.Sender, linux *wire.Capture) {
	t.Helper()
	linux, err := wire.NewCapture(b, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { linux.Close() })
	if s, err = wire.NewSender(a, "eth0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, linux
}

// receiver is a socket on queue 0 of a host's eth0.
type receiver struct {
	*xsk.Socket
	umem  *xsk.UMEM
	cache *xsk.Cache
}

func newReceiver(t *testing.T, h *topo.Host) *receiver {
	t.Helper()
	u, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: 256})
	if err != nil {
		t.Fatal(err)
	}
	var s *xsk.Socket
	ifindex := index(t, h)
	err = h.Do(func() (err error) {
		s, err = xsk.Open(u, xsk.Options{Ifindex: ifindex, NoTX: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	return &receiver{s, u, u.NewCache()}
}

// take returns copies of the packets that are there.
func (r *receiver) take(t *testing.T) (packets [][]byte) {
	t.Helper()
	a, b := r.RX.Peek(256)
	for _, span := range [2][]xsk.Desc{a, b} {
		for _, d := range span {
			packets = append(packets, append([]byte(nil), r.umem.Data(d)...))
		}
		if err := r.cache.PutAll(span); err != nil {
			t.Error(err)
		}
	}
	r.RX.Release(len(a) + len(b))
	if _, err := r.Fill.Refill(r.cache); err != nil {
		t.Error(err)
	}
	return packets
}
