// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// TestKernelCheckBound: the kernel tells what a socket is bound to, as often as it
// is asked, and nothing is left of the questions.
func TestKernelCheckBound(t *testing.T) {
	router := newRowLab(t).Host("router")
	eth0, eth1 := ifindexOf(t, router, "eth0"), ifindexOf(t, router, "eth1")
	s := openSocket(t, router, "eth0", 0)
	udp, unbound := udpSocket(t), unboundSocket(t)
	before := openDescriptors(t)
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
	if after := openDescriptors(t); after > before {
		t.Errorf("%d descriptors, there were %d", after, before)
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

func openDescriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
