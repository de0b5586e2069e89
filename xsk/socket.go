// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Socket is an AF_XDP socket on one queue of a device.
//
// One goroutine at a time may receive, with RX and Fill, and one may send, with
// TX and Completion; it may be the same. All other methods are safe for
// concurrent use.
type Socket struct {
	RX         *RX // nil with Options.NoRX
	TX         *TX // nil with Options.NoTX
	Fill       *Fill
	Completion *Completion

	umem    *UMEM
	options Options
	queue   *queue
	fd      int
	spare   int // a second socket, with which Close proves that the queue is free
	link    link
	calls   calls
	maps    []mapping // of RX and TX

	zeroCopy bool
	separate bool
	closed   atomic.Bool
	mu       sync.RWMutex // held for reading while something uses fd, for writing to close it
}

// Open makes a socket, gives it chunks to receive into, and binds it. To
// receive, an XDP program must redirect packets to it: see package xskprog.
// Call it in the network namespace of the device. The caller must close the
// socket.
//
// Sockets of one UMEM share it, and share fill and completion ring if they are
// on the same queue. All are in the mode of the first, need_wakeup and
// MultiBuffer included. Before Linux 6.4, the first socket of a queue stays in
// XSKMAPs after its Close for as long as others share the queue: unregister it.
//
// A socket takes up to five descriptors. If the UMEM's pages are more than the
// process may lock, Open lifts that limit, if it is allowed to.
//
// Returns an *[OptionError] or a *[SetupError].
func Open(u *UMEM, o Options) (*Socket, error) {
	if err := o.complete(); err != nil {
		o.closeFD()
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		o.closeFD()
		return nil, fmt.Errorf("opening a socket: UMEM: %w", ErrClosed)
	}
	if err := o.chooseMode(u); err != nil {
		o.closeFD()
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	s, err := u.open(o)
	if err != nil && u.cannotShare(o, err) {
		o.Separate = true
		return u.open(o)
	}
	return s, err
}

// open makes a socket. It is called with the UMEM locked.
func (u *UMEM) open(o Options) (_ *Socket, err error) {
	s := &Socket{umem: u, options: o, fd: o.FD, spare: -1}
	s.link.fd = -1
	q, isNew, err := u.joinQueue(o.Ifindex, o.Queue)
	if err != nil {
		o.closeFD()
		return nil, err
	}
	s.queue = q
	defer func() {
		if err != nil {
			s.abandon()
		}
	}()
	if err := s.makeFiles(); err != nil {
		return nil, err
	}
	with := u.sharer(q, isNew, o.Separate)
	if err := s.mapRings(with, isNew); err != nil {
		return nil, err
	}
	if err := s.bind(with); err != nil {
		return nil, err
	}
	u.members = append(u.members, s)
	return s, nil
}

// makeFiles opens what the socket needs beside its rings.
func (s *Socket) makeFiles() error {
	if s.options.FD == 0 {
		fd, err := newSocket()
		if err != nil {
			return s.setupError("making a socket", err)
		}
		s.fd = fd
	}
	if spare, err := newSocket(); err == nil {
		s.spare = spare // without it, chunks are set aside sooner
	}
	if s.options.FD != 0 {
		if err := s.checkNamespace(); err != nil {
			return err
		}
	}
	if err := s.link.watch(s.options.Ifindex); err != nil {
		return s.setupError("watching the link", err)
	}
	return nil
}

// checkNamespace checks that a passed socket is from where Open is called:
// elsewhere the device's index may mean another device. Kernels before 5.14
// can't tell; then the spare socket isn't used.
func (s *Socket) checkNamespace() error {
	if s.spare < 0 {
		return nil
	}
	there, err := unix.GetsockoptUint64(s.fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	here, err2 := unix.GetsockoptUint64(s.spare, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	switch {
	case errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOTSOCK):
		return s.setupError("looking at the passed socket", os.NewSyscallError("getsockopt", err))
	case err != nil || err2 != nil:
		unix.Close(s.spare)
		s.spare = -1
	case here != there:
		return s.setupError("looking at the passed socket", errors.New("it is of another network namespace than Open is called in"))
	}
	return nil
}

func newSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

// FD returns the socket's descriptor, to put into an XSKMAP or to pass to
// another process. It stays the socket's, until Close.
func (s *Socket) FD() int { return s.fd }

// Ifindex returns the index of the device.
func (s *Socket) Ifindex() int { return s.options.Ifindex }

// Queue returns the number of the device's queue.
func (s *Socket) Queue() int { return s.options.Queue }

// ZeroCopy tells whether the device uses the UMEM directly.
func (s *Socket) ZeroCopy() bool { return s.zeroCopy }

// Separate tells whether the UMEM's memory was registered once more for this
// socket, instead of shared with the others in the kernel.
func (s *Socket) Separate() bool { return s.separate }

// Err returns [ErrClosed], [ErrLinkDown] or [ErrDeviceGone], or nil. Loops that
// never wait should ask from time to time.
func (s *Socket) Err() error {
	if s.closed.Load() {
		return ErrClosed
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return ErrClosed
	}
	s.link.read()
	return s.err()
}

// err returns what is known without asking the kernel.
func (s *Socket) err() error {
	if s.closed.Load() {
		return ErrClosed
	}
	return s.link.err()
}

// pendingError returns the error that the kernel keeps for the socket.
func (s *Socket) pendingError() error {
	errno, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return os.NewSyscallError("getsockopt SO_ERROR", err)
	case errno == 0:
		return nil
	case unix.Errno(errno) == unix.ENETDOWN: // so the kernel says that the device was removed
		s.link.state.Store(linkGone)
		return ErrDeviceGone
	}
	return kickError("waiting", unix.Errno(errno))
}
