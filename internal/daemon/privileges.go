// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"clearway/internal/netstate"
)

// keptCapabilities are what the daemon still needs once it has started: maps
// and programs, their verifier's and tracepoints' sake, links and ethtool, raw
// sockets, and locked memory.
var keptCapabilities = []uint{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_IPC_LOCK}

// errCgo says that this binary can't change the privileges of all its threads.
var errCgo = errors.New("this binary was built with cgo and keeps all its privileges: build it with CGO_ENABLED=0")

// namespaceCapabilities are those that it takes to look at veths whose other
// end is in another network namespace: how that end is set up decides what XDP
// sees on this one, and only setns(2) gets there. Machines without such veths
// need none of them.
func namespaceCapabilities(v netstate.View) []uint {
	var needed []uint
	for _, l := range v.Links {
		switch {
		case l.Peer.Namespace == "":
			continue
		case strings.HasPrefix(l.Peer.Namespace, "/proc/"): // it has no name, only processes
			return []uint{unix.CAP_SYS_ADMIN, unix.CAP_SYS_PTRACE}
		}
		needed = []uint{unix.CAP_SYS_ADMIN}
	}
	return needed
}

// dropPrivileges gives up, on every thread and for good, all capabilities but
// those always kept and the extra ones, and the right to gain any by executing
// a program. What the process lacked already it does without.
func dropPrivileges(extra []uint) error {
	kept := append(extra, keptCapabilities...)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData // bits 0-31 and 32-63
	if err := unix.Capget(&header, &have[0]); err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	var keep [2]unix.CapUserData
	for _, c := range kept {
		bit := have[c/32].Permitted & (1 << (c % 32))
		keep[c/32].Permitted |= bit
		keep[c/32].Effective |= bit
	}
	steps := []error{
		allThreads(syscall.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0),
		allThreads(syscall.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0),
		dropBounding(have[0].Effective&(1<<unix.CAP_SETPCAP) != 0, kept),
		allThreads(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&keep[0])), 0),
	}
	if err := errors.Join(steps...); err != nil {
		if errors.Is(err, syscall.ENOTSUP) {
			return errCgo
		}
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	return nil
}

// dropBounding takes everything but what is kept out of the bounding set, if
// the process may.
func dropBounding(may bool, kept []uint) error {
	if !may {
		return nil // no_new_privs stands in the way of gaining any
	}
	for c := uint(0); ; c++ {
		in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			return nil // beyond the last one that the kernel knows
		}
		if in == 0 || slices.Contains(kept, c) {
			continue
		}
		if err := allThreads(syscall.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0); err != nil {
			return err
		}
	}
}

// allThreads makes one system call on every thread of the process: the kernel
// keeps capabilities per thread.
func allThreads(call, a, b, c uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall6(call, a, b, c, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
