// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"errors"
	"testing"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// pair is two hosts, silent but for what tests send, with a link of four
// queues: a eth0 ──── eth0 b.
type pair struct{ a, b *topo.Host }

func newPair(t testing.TB, mtu int) pair {
	t.Helper()
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent("a"), topo.Silent("b")},
		Links: []topo.Link{{
			A: topo.End{Host: "a", Name: "eth0", NAPI: topo.NAPINone},
			B: topo.End{Host: "b", Name: "eth0", NAPI: topo.NAPINone}, MTU: mtu, Queues: 4,
		}},
	})
	return pair{lab.Host("a"), lab.Host("b")}
}

func index(t testing.TB, h *topo.Host, device string) int {
	t.Helper()
	i, err := h.Interface(device)
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}

// port is a socket with its own UMEM on a host's eth0, and what it needs.
type port struct {
	*xsk.Socket
	umem  *xsk.UMEM
	cache *xsk.Cache
}

func newUMEM(t testing.TB, o xsk.UMEMOptions) *xsk.UMEM {
	t.Helper()
	u, err := xsk.NewUMEM(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		checkCounts(t, u)
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

// checkCounts checks that no chunk is lost: at a test's end all sockets are
// closed.
func checkCounts(t testing.TB, u *xsk.UMEM) {
	t.Helper()
	c := u.Counts()
	if c.Free+c.Taken+c.Received+c.Unusable != u.Options().Chunks || c.Unexpected != 0 {
		t.Errorf("chunks of %d: %+v", u.Options().Chunks, c)
	}
}

// open opens a socket on a host's eth0. It is closed when the test ends.
func open(t testing.TB, h *topo.Host, u *xsk.UMEM, o xsk.Options) *port {
	t.Helper()
	s, err := tryOpen(t, h, u, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &port{s, u, u.NewCache()}
}

func tryOpen(t testing.TB, h *topo.Host, u *xsk.UMEM, o xsk.Options) (s *xsk.Socket, err error) {
	t.Helper()
	if o.Ifindex == 0 {
		o.Ifindex = index(t, h, "eth0")
	}
	err = h.Do(func() (err error) {
		s, err = xsk.Open(u, o)
		return err
	})
	return s, err
}

// attach attaches a program to a host's eth0 that redirects to sockets.
func attach(t testing.TB, h *topo.Host, o xskprog.Options, sockets ...*port) *xskprog.Program {
	t.Helper()
	p := attachTo(t, h, "eth0", o)
	for _, s := range sockets {
		if err := p.Register(s.Queue(), s.FD()); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// attachTo attaches a program to a device of a host.
func attachTo(t testing.TB, h *topo.Host, device string, o xskprog.Options) *xskprog.Program {
	t.Helper()
	o.Ifindex = index(t, h, device)
	var p *xskprog.Program
	err := h.Do(func() (err error) {
		p, err = xskprog.Attach(o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Do(p.Close); err != nil {
			t.Error(err)
		}
	})
	return p
}

// variant is a way to run a test.
type variant struct {
	mode         xskprog.Mode
	noNeedWakeup bool
}

// everyWay runs a test in native and generic mode, with need_wakeup and without.
func everyWay(t *testing.T, test func(t *testing.T, v variant)) {
	for name, v := range map[string]variant{
		"native": {xskprog.Native, false}, "native, always kicked": {xskprog.Native, true},
		"generic": {xskprog.Generic, false}, "generic, always kicked": {xskprog.Generic, true},
	} {
		t.Run(name, func(t *testing.T) { test(t, v) })
	}
}

func wantError(t testing.TB, err error, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}
