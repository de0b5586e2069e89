// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package xsk_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// These tests run in a guest of test/kernels, on its own virtio ports, which
// lie on two wires:
//
//	eth0 ──── eth1    eth2 ──── eth3
//
// virtio_net is the one driver of a software device that has zero-copy.

// requireZeroCopy gets a device up and silent, and returns its index.
func requireZeroCopy(t *testing.T, device string) int {
	t.Helper()
	testkit.RequireKernel(t, "6.13", "zero-copy of virtio_net")
	testkit.SetPort(t, device, true)
	i, err := net.InterfaceByName(device)
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}

// openZeroCopy opens a socket on a port and attaches a program. Both go when
// the test ends.
func openZeroCopy(t *testing.T, device string, u *xsk.UMEM, o xsk.Options) *port {
	t.Helper()
	o.Ifindex, o.Mode = requireZeroCopy(t, device), xsk.ZeroCopy
	s, err := xsk.Open(u, o)
	if errors.Is(err, xsk.ErrNotSupported) {
		testkit.Skip(t, "%s has no zero-copy: %v", device, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !s.ZeroCopy() {
		t.Error("the mode is copy")
	}
	closeLater(t, s)
	redirect(t, s)
	return &port{s, u, u.NewCache()}
}

func closeLater(t *testing.T, s *xsk.Socket) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// redirect attaches a program for a socket's queue.
func redirect(t *testing.T, s *xsk.Socket) {
	t.Helper()
	p, err := xskprog.Attach(xskprog.Options{Ifindex: s.Ifindex(), Mode: xskprog.Native})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Register(s.Queue(), s.FD()); err != nil {
		t.Fatal(err)
	}
}

func TestZeroCopy(t *testing.T) {
	for name, tt := range map[string]struct {
		umem xsk.UMEMOptions
		o    xsk.Options
		size int
	}{
		"small":         {size: 64},
		"full":          {size: 1514},
		"2K chunks":     {umem: xsk.UMEMOptions{ChunkSize: 2048}, size: 1514},
		"headroom":      {umem: xsk.UMEMOptions{Headroom: 128}, size: 200},
		"unaligned":     {umem: xsk.UMEMOptions{ChunkSize: 3000, Unaligned: true, HugePages: true}, size: 1000},
		"always kicked": {o: xsk.Options{NoNeedWakeup: true}, size: 64},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.umem.HugePages {
				setHugePages(t, 12)
			}
			a := openZeroCopy(t, "eth0", newUMEM(t, tt.umem), tt.o)
			b := openZeroCopy(t, "eth1", newUMEM(t, tt.umem), tt.o)
			stream(t, a, b, 4096, tt.size)
			stream(t, b, a, 4096, tt.size)
		})
	}
}

// A packet must not go from one page into another that may be elsewhere, so
// that unaligned chunks want huge pages here. Without, there is copy mode.
func TestZeroCopyUnalignedOnSmallPages(t *testing.T) {
	ifindex := requireZeroCopy(t, "eth0")
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 512, ChunkSize: 3000, Unaligned: true})
	_, err := xsk.Open(u, xsk.Options{Ifindex: ifindex, Mode: xsk.ZeroCopy})
	checkOptionError(t, err, "Mode")
	s, err := xsk.Open(u, xsk.Options{Ifindex: ifindex})
	if err != nil {
		t.Fatal(err)
	}
	if s.ZeroCopy() {
		t.Error("the mode is zero-copy")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Packets go from port to port through one UMEM and nobody copies them.
func TestZeroCopyForward(t *testing.T) {
	u := newUMEM(t, xsk.UMEMOptions{})
	members, err := xsk.OpenAll(u, []xsk.Options{
		{Ifindex: requireZeroCopy(t, "eth1"), Fill: 1500}, {Ifindex: requireZeroCopy(t, "eth2"), Fill: 1500},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range members {
		closeLater(t, s)
		redirect(t, s)
		if !s.ZeroCopy() || s.Separate() {
			t.Fatalf("zero-copy %v, separate %v", s.ZeroCopy(), s.Separate())
		}
	}
	a := openZeroCopy(t, "eth0", newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	b := openZeroCopy(t, "eth3", newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	streamThrough(t, a, u, members, b)
}

// A driver in zero-copy holds hundreds of chunks to receive into, and some that
// it sends. Closing in the middle of traffic gets all of them back, each time,
// and the queue can be had again at once.
func TestZeroCopyReopen(t *testing.T) {
	ua, ub := newUMEM(t, xsk.UMEMOptions{Chunks: 2048}), newUMEM(t, xsk.UMEMOptions{Chunks: 2048})
	for round := range 10 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			a, b := openZeroCopy(t, "eth0", ua, xsk.Options{}), openZeroCopy(t, "eth1", ub, xsk.Options{})
			stream(t, a, b, 300, 64)
			if err := a.send(t.Context(), 0, 100+round, 64, nil); err != nil { // which nobody receives
				t.Fatal(err)
			}
			for _, p := range []*port{a, b} {
				p.cache.Flush()
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				if n := p.umem.Counts(); n.Free != 2048 {
					t.Errorf("after Close: %+v", n)
				}
			}
		})
	}
}

// PreferZeroCopy gets it and says so, Copy doesn't; what shares the UMEM of a
// socket in one mode isn't opened in the other.
func TestZeroCopyModes(t *testing.T) {
	ifindex := requireZeroCopy(t, "eth0")
	for mode, want := range map[xsk.Mode]bool{xsk.PreferZeroCopy: true, xsk.Copy: false} {
		u := newUMEM(t, xsk.UMEMOptions{Chunks: 512})
		s, err := xsk.Open(u, xsk.Options{Ifindex: ifindex, Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		if s.ZeroCopy() != want {
			t.Errorf("mode %d: zero-copy %v", mode, s.ZeroCopy())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	u := newUMEM(t, xsk.UMEMOptions{})
	both := []xsk.Options{{Ifindex: ifindex}, {Ifindex: lo.Index}}
	members, err := xsk.OpenAll(u, both)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range members {
		if s.ZeroCopy() {
			t.Error("one of two is in zero-copy mode, which the other can't have")
		}
	}
	closeAll(t, members)
	both[0].Mode = xsk.ZeroCopy
	_, err = xsk.OpenAll(newUMEM(t, xsk.UMEMOptions{}), both)
	wantError(t, err, xsk.ErrNotSupported)
}

// The kernel shares memory in one mode only: for another one it is registered
// again, without being asked to.
func TestZeroCopyNotShared(t *testing.T) {
	u := newUMEM(t, xsk.UMEMOptions{})
	first, err := xsk.Open(u, xsk.Options{Ifindex: requireZeroCopy(t, "eth0"), Mode: xsk.Copy})
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, first)
	redirect(t, first)
	second := openZeroCopy(t, "eth1", u, xsk.Options{})
	if first.Separate() || !second.Separate() {
		t.Errorf("separate: %v and %v", first.Separate(), second.Separate())
	}
	stream(t, second, &port{first, u, u.NewCache()}, 300, 64)
}

// With busy polling the calls of the program do the driver's work. This driver
// has no polling for what is sent, and then the kernel does nothing.
func TestZeroCopyBusyPoll(t *testing.T) {
	a := openZeroCopy(t, "eth0", newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	b := openZeroCopy(t, "eth1", newUMEM(t, xsk.UMEMOptions{}), xsk.Options{NoTX: true, BusyPoll: xsk.BusyPoll{Time: 20 * time.Microsecond}})
	for name, value := range map[string]string{"napi_defer_hard_irqs": "2", "gro_flush_timeout": "200000"} {
		for _, device := range []string{"eth0", "eth1"} {
			file := "/sys/class/net/" + device + "/" + name
			if err := os.WriteFile(file, []byte(value), 0); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.WriteFile(file, []byte("0"), 0) })
		}
	}
	checkBusyPoll(t, b, 20)
	if id, err := unix.GetsockoptInt(b.FD(), unix.SOL_SOCKET, unix.SO_INCOMING_NAPI_ID); err != nil || id == 0 {
		t.Errorf("there is nothing to poll: %d, %v", id, err)
	}
	stream(t, a, b, 4096, 64)
}

// A port that goes down ends waits; up again, it goes on with the same socket.
func TestZeroCopyLinkLoss(t *testing.T) {
	a := openZeroCopy(t, "eth0", newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	b := openZeroCopy(t, "eth1", newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	stream(t, a, b, 500, 64)
	ended := make(chan error)
	go func() { ended <- b.RX.Wait(t.Context()) }()
	testkit.SetPort(t, "eth1", false)
	select {
	case err := <-ended:
		wantError(t, err, xsk.ErrLinkDown)
	case <-time.After(soon):
		t.Fatal("Wait goes on")
	}
	testkit.SetPort(t, "eth1", true)
	for deadline := time.Now().Add(soon); b.Err() != nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	stream(t, a, b, 500, 64)
}

// The port's driver is taken away under a socket at work: waits end,
// and every chunk comes back. It is the last test here, as the port that comes
// back is another one.
func TestZeroCopyDeviceGone(t *testing.T) {
	u := newUMEM(t, xsk.UMEMOptions{})
	a := openZeroCopy(t, "eth2", u, xsk.Options{Fill: 1500})
	b := openZeroCopy(t, "eth3", newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	stream(t, b, a, 500, 64)
	if err := a.send(t.Context(), 0, 100, 64, nil); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- a.RX.Wait(t.Context()) }()
	device, err := filepath.EvalSymlinks("/sys/class/net/eth2/device")
	if err != nil {
		t.Fatal(err)
	}
	const driver = "/sys/bus/virtio/drivers/virtio_net/"
	if err := os.WriteFile(driver+"unbind", []byte(filepath.Base(device)), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile(driver+"bind", []byte(filepath.Base(device)), 0) })
	select {
	case err := <-ended:
		if !errors.Is(err, xsk.ErrLinkDown) { // a device that goes is down first
			wantError(t, err, xsk.ErrDeviceGone)
		}
	case <-time.After(soon):
		t.Fatal("Wait goes on")
	}
	wantError(t, a.Err(), xsk.ErrDeviceGone)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	a.cache.Flush()
	if n := u.Counts(); n.Free != u.Options().Chunks {
		t.Errorf("%+v", n)
	}
}
