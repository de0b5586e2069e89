// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// soon bounds how long something that happens at once may take on a busy
// machine.
const soon = 2 * time.Second

// TestCloseEndsWaits: both sides wait, and Close on a third goroutine ends it.
func TestCloseEndsWaits(t *testing.T) {
	lab := newPair(t, 0)
	p := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{Chunks: 64}), xsk.Options{})
	ended := make(chan error)
	go func() { ended <- p.RX.Wait(context.Background()) }()
	go func() { ended <- p.RX.Wait(t.Context()) }() // against the rules, but Close must not hang
	time.Sleep(10 * time.Millisecond)
	go p.Close()
	for range 2 {
		select {
		case err := <-ended:
			wantError(t, err, xsk.ErrClosed)
		case <-time.After(soon):
			t.Fatal("Wait goes on after Close")
		}
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	lab := newPair(t, 0)
	p := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{Chunks: 64}), xsk.Options{})
	why := errors.New("a cause")
	for range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(why) })
		begin := time.Now()
		wantError(t, p.RX.Wait(ctx), why)
		if d := time.Since(begin); d > soon {
			t.Errorf("Wait went on for %v", d)
		}
		wantError(t, p.RX.Wait(ctx), why)
	}
}

// After Close every call returns or says that it is closed; slices that are
// still in use don't fault, even when the UMEM is closed too.
func TestUseAfterClose(t *testing.T) {
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 64})
	p := open(t, lab.a, u, xsk.Options{})
	descs, _ := p.TX.Reserve(8)
	p.cache.GetAll(descs)
	data := u.Chunk(descs[0].Addr)
	data[5] = 7
	if err := p.cache.PutAll(descs); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	descs[3].Len = 9 // a write to a ring that is no more
	if a, b := p.RX.Peek(8); len(a)+len(b) != 0 {
		t.Error("Peek returns descriptors")
	}
	if a, b := p.TX.Reserve(8); len(a)+len(b) != 0 {
		t.Error("Reserve returns descriptors")
	}
	p.RX.Release(1)
	_, fillErr := p.Fill.Refill(p.cache)
	_, statErr := p.Statistics()
	for _, err := range []error{p.TX.Submit(1), p.TX.Kick(p.cache), fillErr, statErr, p.Err(), p.RX.Wait(t.Context()), p.TX.Wait(t.Context())} {
		wantError(t, err, xsk.ErrClosed)
	}
	if n := p.Completion.Collect(p.cache); n != 0 {
		t.Error("Collect returns", n)
	}
	p.Stop()
	p.cache.Flush()
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if data[5] != 0 {
		t.Error("the memory is still there")
	}
	data[5] = 1
	_, err := tryOpen(t, lab.a, u, xsk.Options{})
	wantError(t, err, xsk.ErrClosed)
}

func TestUMEMInUse(t *testing.T) {
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 64})
	open(t, lab.a, u, xsk.Options{})
	wantError(t, u.Close(), xsk.ErrInUse)
}

// What is submitted but not kicked before Close is sent, and all chunks come
// back, though the peer receives none of them.
func TestCloseSendsAndReclaims(t *testing.T) {
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 300})
	p := open(t, lab.a, u, xsk.Options{})
	other := open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	attach(t, lab.b, xskprog.Options{}, other)
	descs, _ := p.TX.Reserve(100)
	for i := range descs[:p.cache.GetAll(descs)] {
		descs[i].Len = 64
		packet(u.Data(descs[i]), uint32(i))
	}
	if err := p.TX.Submit(100); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if n := u.Counts(); n.Free != 300 {
		t.Errorf("after Close: %+v", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := other.receive(ctx, 0, 1, 100, 64, new(counter)); err != nil {
		t.Error(err)
	}
}

// Packets that wait in the RX ring when the socket closes, and chunks that the
// program holds, are in the books too.
func TestCloseWithUnreadPackets(t *testing.T) {
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 300})
	from := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	to := open(t, lab.b, u, xsk.Options{})
	attach(t, lab.b, xskprog.Options{}, to)
	if err := from.send(t.Context(), 0, 100, 64, nil); err != nil {
		t.Fatal(err)
	}
	if err := to.RX.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, _ := to.RX.Peek(10)
	if len(a) != 10 {
		t.Fatalf("%d packets", len(a))
	}
	kept := append([]xsk.Desc(nil), a...)
	to.RX.Release(4)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if n := u.Counts(); n.Free != 290 || n.Received != 10 {
		t.Errorf("after Close: %+v", n)
	}
	if err := to.cache.PutAll(kept); err != nil {
		t.Error(err)
	}
}

// A kernel that doesn't let go in time keeps its chunks. None is used again.
func TestQuarantine(t *testing.T) {
	lab := newPair(t, 0)
	for range 20 {
		u, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: 100})
		if err != nil {
			t.Fatal(err)
		}
		s, err := tryOpen(t, lab.a, u, xsk.Options{Fill: 30, DrainTimeout: 1})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Close()
		n := u.Counts()
		if err := u.Close(); err != nil {
			t.Error(err)
		}
		var q *xsk.QuarantineError
		switch {
		case err == nil && n.Free == 100: // the kernel was faster, as it may be
		case errors.As(err, &q) && q.Chunks == 30 && n.Quarantined == 30 && n.Free == 70:
			return
		default:
			t.Fatalf("Close: %v, %+v", err, n)
		}
	}
	t.Error("the kernel always let go at once")
}

func TestTEARDOWN(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		lab := newPair(t, 0)
		ua, ub := newUMEM(t, xsk.UMEMOptions{Chunks: 1024}), newUMEM(t, xsk.UMEMOptions{Chunks: 1024})
		var prog *xskprog.Program
		for range 5 {
			o := xsk.Options{NoNeedWakeup: v.noNeedWakeup}
			from, to := open(t, lab.a, ua, o), open(t, lab.b, ub, o)
			if prog == nil {
				prog = attach(t, lab.b, xskprog.Options{Mode: v.mode})
			}
			if err := prog.Register(0, to.FD()); err != nil {
				t.Fatal(err)
			}
			stream(t, from, to, 300, 64)
			for _, p := range []*port{from, to} {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				p.cache.Flush()
			}
		}
	})
}

// A socket made elsewhere serves as well as an own one, and an own one is known
// by its descriptor.
func TestPassedDescriptor(t *testing.T) {
	testkit.RequireKernel(t, "5.14", "SO_NETNS_COOKIE")
	lab := newPair(t, 0)
	made := func(inside func(func() error) error) (fd int) {
		err := inside(func() (err error) {
			fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	from := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{FD: made(lab.a.Do)})
	to := open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{FD: made(lab.b.Do)})
	attach(t, lab.b, xskprog.Options{}, to)
	stream(t, from, to, 200, 64)
	u := newUMEM(t, xsk.UMEMOptions{})
	unused := made(lab.a.Do)
	_, err := tryOpen(t, lab.a, u, xsk.Options{Queue: -1, FD: unused})
	checkOptionError(t, err, "Queue")
	if _, err := unix.FcntlInt(uintptr(unused), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("a passed descriptor stays open: %v", err)
	}
	_, err = tryOpen(t, lab.a, u, xsk.Options{Queue: 1, FD: from.FD() + 1000})
	wantError(t, err, unix.EBADF)
	_, err = tryOpen(t, lab.a, u, xsk.Options{Queue: 1, FD: made(lab.b.Do)})
	if err == nil || !strings.Contains(err.Error(), "another network namespace") {
		t.Errorf("a socket of another namespace: %v", err)
	}
}
