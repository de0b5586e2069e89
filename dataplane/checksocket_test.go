// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
	"clearway/xsk"
)

// TestKernelCheckBound: the kernel tells what a socket is bound to, as often as it
// is asked, and nothing is left of the questions.
func TestKernelCheckBound(t *testing.T) {
	router := newRowLab(t).Host("router")
	eth0, eth1 := ifindexOf(t, router, "eth0"), ifindexOf(t, router, "eth1")
	s := openSocket(t, router, "eth0", 0)
	udp, unbound := udpSocket(t), unboundSocket(t)
	before := openFiles(t)
	for range 100 {
		for _, row := range []struct {
			fd, ifindex, queue int
			want               error
		}{
			{s.FD(), eth0, 0, nil},
			{s.FD(), eth0, 1, unix.EINVAL},
			{s.FD(), eth1, 0, unix.EINVAL},
			{s.FD(), 1 << 20, 0, unix.ENODEV},
			{udp, eth0, 0, unix.ENOPROTOOPT},
			{unbound, eth0, 0, unix.EBADF},
			{1 << 20, eth0, 0, unix.ENOTSOCK},
			{-1, eth0, 0, unix.ENOTSOCK},
		} {
			err := router.Do(func() error { return checkBound(row.fd, row.ifindex, row.queue) })
			if !errors.Is(err, row.want) {
				t.Fatalf("descriptor %d as of device %d, queue %d: %v, want %v", row.fd, row.ifindex, row.queue, err, row.want)
			}
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d open files, were %d", after, before)
	}
}

func TestSocketsThatAreRefused(t *testing.T) {
	r := &puntRouter{router: newRouter(t, Native)}
	if err := r.register("eth0", 0, 0); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("before anything is loaded: %v", err)
	}
	if _, err := r.dp.Sockets(); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("Sockets before anything is loaded: %v", err)
	}
	r.apply(r.state)
	s := openSocket(t, r.Host("router"), "eth0", 0)
	there := r.listen("eth1", 0) // which no refusal takes off
	sender := openSocketOn(t, there.umem, r.Host("router"), "eth1", xsk.Options{NoRX: true})
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, row := range []struct {
		name      string
		port      string
		queue, fd int
		want      string
		is        error
	}{
		{"not open", "eth0", 0, 1 << 20, "registering a socket for eth0, queue 0: it is no open AF_XDP socket", unix.ENOTSOCK},
		{"negative", "eth0", 0, -1, "it is no open AF_XDP socket", unix.ENOTSOCK},
		{"a file", "eth0", 0, int(file.Fd()), "it is no open AF_XDP socket", unix.ENOTSOCK},
		{"another socket", "eth0", 0, udpSocket(t), "it is no open AF_XDP socket", unix.ENOPROTOOPT},
		{"not bound", "eth0", 0, unboundSocket(t), "it is not bound to a queue yet", unix.EBADF},
		{"only to send", "eth1", 0, sender.FD(), "it has no RX ring", unix.ENOBUFS},
		{"unknown port", "eth9", 0, s.FD(), "the interface is not attached, only these: [eth0 eth1 eth2]", nil},
		{"negative queue", "eth0", -1, s.FD(), "sockets can be on queues 0 to 63", nil},
		{"queue too high", "eth0", 64, s.FD(), "sockets can be on queues 0 to 63", nil},
		{"bound to another queue", "eth0", 1, s.FD(), "it is bound to another device or queue", unix.EINVAL},
		{"bound to another device", "eth1", 0, s.FD(), "it is bound to another device or queue", unix.EINVAL},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := r.register(row.port, row.queue, row.fd)
			if err == nil || !strings.Contains(err.Error(), row.want) || row.is != nil && !errors.Is(err, row.is) {
				t.Errorf("%v, want %q in it", err, row.want)
			}
			r.checkSockets(row.name, Socket{"eth1", 0})
		})
	}
	if err := r.Host("router").SetUp("eth0", false); err != nil {
		t.Fatal(err)
	}
	if err := r.register("eth0", 0, s.FD()); !errors.Is(err, unix.ENETDOWN) || !strings.Contains(err.Error(), "set it up first") {
		t.Errorf("on a device that is down: %v", err)
	}
}

func ifindexOf(t *testing.T, h *topo.Host, device string) int {
	t.Helper()
	i, err := h.Interface(device)
	if err != nil {
		t.Fatal(err)
	}
	return i.Index
}

func udpSocket(t *testing.T) int {
	return rawSocket(t, unix.AF_INET, unix.SOCK_DGRAM)
}

// unboundSocket is an AF_XDP socket that is bound to nothing.
func unboundSocket(t *testing.T) int {
	return rawSocket(t, unix.AF_XDP, unix.SOCK_RAW)
}

func rawSocket(t *testing.T, family, kind int) int {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
