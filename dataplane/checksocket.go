// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// checkSocket returns an error unless a descriptor is an AF_XDP socket that receives
// from a queue of a device, with what to do. The socket goes on undisturbed.
func checkSocket(socket, ifindex, queue int) error {
	if err := checkBound(socket, ifindex, queue); err != nil {
		return err
	}
	// A frame for a socket that can only send brings kernels from 5.10 to 7.0 down,
	// which take it into the map all the same. Receiving is refused for want of a ring
	// before all else (net/xdp/xsk.c, xsk_recvmsg, from 5.11 on).
	_, _, err := unix.Recvfrom(socket, nil, 0)
	switch {
	case errors.Is(err, unix.ENOBUFS):
		return fmt.Errorf("it has no RX ring: open it to receive: %w", err)
	case errors.Is(err, unix.ENETDOWN):
		return fmt.Errorf("its device is down: set it up first (ip link set dev DEVICE up): %w", err)
	}
	return nil
}

// checkBound returns an error unless a descriptor is an AF_XDP socket that is bound
// to a queue of a device.
//
// The kernel lets nobody read what a socket is bound to, but for sock_diag, which
// many kernels are built without. So this binds another socket to the same queue
// with the UMEM of the first one, and without rings for it: that is allowed only
// where the first one is bound there (net/xdp/xsk.c, xsk_bind).
func checkBound(socket, ifindex, queue int) error {
	probe, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making an AF_XDP socket to check this one with: %w", err)
	}
	defer unix.Close(probe)
	if err := unix.SetsockoptInt(probe, unix.SOL_XDP, unix.XDP_RX_RING, 1); err != nil { // one ring must be
		return fmt.Errorf("giving an AF_XDP socket a ring: %w", err)
	}
	err = unix.Bind(probe, &unix.SockaddrXDP{
		Flags: unix.XDP_SHARED_UMEM, Ifindex: uint32(ifindex), QueueID: uint32(queue), SharedUmemFD: uint32(socket),
	})
	switch {
	case errors.Is(err, unix.ENOTSOCK), errors.Is(err, unix.ENOPROTOOPT):
		return fmt.Errorf("it is no open AF_XDP socket: %w", err)
	case errors.Is(err, unix.EBADF):
		return fmt.Errorf("it is not bound to a queue yet, or its device is gone: bind it first: %w", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("it is bound to another device or queue: bind it to this one, or register it for where it is bound: %w", err)
	case err != nil:
		return fmt.Errorf("comparing the socket's device and queue: %w", err)
	}
	return nil
}
