// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// Room for what the kernel keeps while the reader does something else: above
// half a second at 150,000 small packets a second. Their bookkeeping counts too.
const receiveBuffer = 128 << 20

// newSocket makes a socket inside h and lets setup configure it there.
func newSocket(h *topo.Host, domain, kind, protocol int, setup func(fd int) error) (*socket, error) {
	var s *socket
	err := h.Do(func() error {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		if err := setup(fd); err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		s = &socket{File: os.NewFile(uintptr(fd), "socket of "+h.Name())}
		s.raw, err = s.SyscallConn()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("making a socket in %s: %w", h.Name(), err)
	}
	return s, nil
}

// newUDP makes a blocking UDP socket bound to at. Go's poller would be woken for
// each packet.
func newUDP(h *topo.Host, at netip.AddrPort, setup func(fd int) error) (*socket, error) {
	domain := unix.AF_INET
	if at.Addr().Is6() {
		domain = unix.AF_INET6
	}
	return newSocket(h, domain, unix.SOCK_DGRAM, 0, func(fd int) error {
		if err := unix.Bind(fd, sockaddr(at)); err != nil {
			return fmt.Errorf("bind %v: %w", at, err)
		}
		return setup(fd)
	})
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// refused returns how many packets the kernel dropped at the socket.
func (s *socket) refused() (drops uint64, err error) {
	ctlErr := s.raw.Control(func(fd uintptr) {
		var info [9]uint32
		info, err = memInfo(int(fd))
		drops = uint64(info[unix.SK_MEMINFO_DROPS])
	})
	return drops, errors.Join(err, ctlErr)
}
