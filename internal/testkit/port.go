// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package testkit

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// SetPort takes a port of a guest of test/kernels up or down. It is silent, and
// promiscuous: the virtual hardware drops what is for other addresses than its own.
func SetPort(t testing.TB, device string, up bool) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+device+"/disable_ipv6", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(device)
	if err != nil {
		t.Fatal(err)
	}
	flags := uint16(unix.IFF_PROMISC)
	if up {
		flags |= unix.IFF_UP
	}
	request.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatalf("setting the flags of %s: %v", device, err)
	}
}
