// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The errors of CheckSocket that are the socket's.
var (
	ErrNotXDPSocket = errors.New("it is no AF_XDP socket")
	ErrNotBound     = errors.New("it is not bound to a queue yet")
	ErrOtherQueue   = errors.New("it is bound to another device or queue")
)

// CheckSocket tells whether a descriptor is an AF_XDP socket that is bound to a
// queue of a device: it returns nil, or one of the errors above. The socket goes
// on undisturbed.
//
// The kernel lets nobody read what a socket is bound to, but for sock_diag, which
// many kernels are built without. So this binds another socket to the same queue
// with the UMEM of the first one, and without rings for it: that is allowed only
// where the first one is bound there (net/xdp/xsk.c, xsk_bind).
func CheckSocket(socket, ifindex, queue int) error {
	probe, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making an AF_XDP socket to check another with: %w", err)
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
		return ErrNotXDPSocket
	case errors.Is(err, unix.EBADF):
		return ErrNotBound
	case errors.Is(err, unix.EINVAL):
		return ErrOtherQueue
	case err != nil:
		return fmt.Errorf("comparing the socket's device and queue: %w", err)
	}
	return nil
}
