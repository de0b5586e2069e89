// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
	"clearway/internal/topo/wire"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// Its name has it run on other kernels too.
func TestKernelCheckSocket(t *testing.T) {
	lab := newLab(t)
	router := lab.Host("router")
	eth0, eth1 := link(t, router, "eth0"), link(t, router, "eth1")
	s, received := receiver(t, router, eth0.Index)
	check := func(fd, ifindex, queue int, want error) {
		t.Helper()
		if err := router.Do(func() error { return CheckSocket(fd, ifindex, queue) }); !errors.Is(err, want) {
			t.Errorf("descriptor %d as of device %d, queue %d: %v, want %v", fd, ifindex, queue, err, want)
		}
	}
	before := descriptors(t)
	check(s.FD(), eth0.Index, 0, nil)
	check(s.FD(), eth0.Index, 1, ErrOtherQueue)
	check(s.FD(), eth1.Index, 0, ErrOtherQueue)
	check(s.FD(), 1<<20, 0, unix.ENODEV)
	check(rawSocket(t, unix.AF_UNIX), eth0.Index, 0, ErrNotXDPSocket)
	check(rawSocket(t, unix.AF_XDP), eth0.Index, 0, ErrNotBound)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	check(int(file.Fd()), eth0.Index, 0, ErrNotXDPSocket)
	check(1<<20, eth0.Index, 0, ErrNotXDPSocket)
	check(-1, eth0.Index, 0, ErrNotXDPSocket)
	for range 100 { // the queue stays the socket's
		check(s.FD(), eth0.Index, 0, nil)
	}
	file.Close()
	if after := descriptors(t); after > before+2 { // those of rawSocket
		t.Errorf("%d descriptors, there were %d", after, before)
	}
	sender, err := wire.NewSender(lab.Host("a"), "eth0")
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	frame := make([]byte, 100)
	copy(frame, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x88\xb5 after the checks")
	if err := sender.Send(frame); err != nil {
		t.Fatal(err)
	}
	if got := received(); got != string(frame) {
		t.Errorf("received %q", got)
	}
}

// receiver has a socket take what arrives on queue 0 of a device. received waits
// for the frame of the test.
func receiver(t *testing.T, h *topo.Host, ifindex int) (s *xsk.Socket, received func() string) {
	t.Helper()
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { umem.Close() })
	var prog *xskprog.Program
	err = h.Do(func() (err error) {
		if s, err = xsk.Open(umem, xsk.Options{Ifindex: ifindex, RXSize: 64, TXSize: 64, FillSize: 64, CompletionSize: 64}); err != nil {
			return err
		}
		t.Cleanup(func() { s.Close() })
		if prog, err = xskprog.Attach(xskprog.Options{Ifindex: ifindex}); err != nil {
			return err
		}
		t.Cleanup(func() { prog.Close() })
		return prog.Register(0, s.FD())
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() string {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for {
			if err := s.RX.Wait(ctx); err != nil {
				t.Fatal(err)
			}
			a, b := s.RX.Peek(64)
			for _, d := range append(a[:len(a):len(a)], b...) {
				if frame := umem.Data(d); len(frame) == 100 && frame[12] == 0x88 && frame[13] == 0xb5 {
					return string(frame)
				}
			}
			s.RX.Release(len(a) + len(b))
		}
	}
}

func rawSocket(t *testing.T, family int) int {
	t.Helper()
	kind := unix.SOCK_RAW
	if family == unix.AF_UNIX {
		kind = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
