// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bind fills the fill ring and binds the socket, sharing the UMEM with another
// socket unless that is nil.
func (s *Socket) bind(with *Socket) error {
	if err := s.options.BusyPoll.set(s.fd); err != nil {
		return s.setupError("setting busy polling", err)
	}
	if s.queue.sockets == 1 {
		s.firstFill()
	}
	sa := &unix.SockaddrXDP{Ifindex: uint32(s.options.Ifindex), QueueID: uint32(s.options.Queue), Flags: s.options.bindFlags()}
	if with != nil {
		if with.options.MultiBuffer != s.options.MultiBuffer {
			return &OptionError{"MultiBuffer", s.options.MultiBuffer, "must be that of the other sockets on the UMEM"}
		}
		sa.Flags, sa.SharedUmemFD = unix.XDP_SHARED_UMEM, uint32(with.fd)
	}
	if err := bindPatiently(s.fd, sa, s.options.BindTimeout); err != nil {
		return s.bindError(err)
	}
	return s.readMode()
}

func (o *Options) bindFlags() (flags uint16) {
	switch o.Mode {
	case Copy:
		flags |= unix.XDP_COPY
	case ZeroCopy:
		flags |= unix.XDP_ZEROCOPY
	}
	if !o.NoNeedWakeup {
		flags |= unix.XDP_USE_NEED_WAKEUP
	}
	if o.MultiBuffer {
		flags |= unix.XDP_USE_SG
	}
	return flags
}

// bindPatiently binds. A queue stays busy for some time after its last socket
// was closed, as the kernel cleans up in the background.
func bindPatiently(fd int, sa *unix.SockaddrXDP, timeout time.Duration) error {
	const pause = 2 * time.Millisecond
	for deadline := time.Now().Add(timeout); ; time.Sleep(pause) {
		err := unix.Bind(fd, sa)
		if err != unix.EBUSY || !time.Now().Before(deadline) {
			return os.NewSyscallError("bind", err)
		}
	}
}

// readMode learns which mode the kernel has chosen.
func (s *Socket) readMode() error {
	flags, err := bindOptions(s.fd)
	if err != nil {
		return s.setupError("reading the mode", err)
	}
	s.zeroCopy = flags&unix.XDP_OPTIONS_ZEROCOPY != 0
	if s.options.Mode == ZeroCopy && !s.zeroCopy || s.options.Mode == Copy && s.zeroCopy {
		return s.setupError("checking the mode", fmt.Errorf("%w: sockets that share a UMEM share the mode of the first: %w", ErrNotSupported, unix.EOPNOTSUPP))
	}
	return nil
}

// firstFill puts chunks on the fill ring of a new queue.
func (s *Socket) firstFill() {
	n := s.options.Fill
	if n == 0 {
		n = min(s.options.FillSize, (s.umem.pool.len()+1)/2)
	}
	c := s.umem.NewCache()
	a, _ := s.queue.fill.reserve(uint32(n)) // the ring is new: nothing wraps
	s.queue.fill.submit(uint32(c.fill(a, s.Fill.tag)))
	c.Flush()
}

// set sets the socket options of busy polling.
func (b BusyPoll) set(fd int) error {
	if b.Time == 0 {
		return nil
	}
	for _, o := range [...]struct{ option, value int }{
		{unix.SO_PREFER_BUSY_POLL, 1},
		{unix.SO_BUSY_POLL, int(max(1, b.Time.Microseconds()))},
		{unix.SO_BUSY_POLL_BUDGET, b.Budget},
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o.option, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// setupError adds to an error where it happened, what it means, and what to do.
func (s *Socket) setupError(step string, err error) error {
	e := &SetupError{Step: step, Ifindex: s.options.Ifindex, Queue: s.options.Queue, Err: err}
	switch {
	case errors.Is(err, unix.EPERM):
		e.Err, e.Hint = mean(ErrPermission, err), "needs CAP_NET_RAW"
	case errors.Is(err, unix.EAFNOSUPPORT):
		e.Err, e.Hint = mean(ErrNotSupported, err), "needs a kernel with CONFIG_XDP_SOCKETS"
	case errors.Is(err, unix.ENOPROTOOPT) && step == "setting busy polling":
		e.Err, e.Hint = mean(ErrNotSupported, err), "busy polling needs Linux 5.11"
	case errors.Is(err, unix.ENOBUFS):
		e.Hint = "raise the limit of locked memory (ulimit -l), or use a smaller UMEM"
	case errors.Is(err, unix.EINVAL) && step == "registering the UMEM":
		e.Hint = "newer kernels want 704 bytes of a chunk besides the headroom; Unaligned needs Linux 5.4, Metadata 6.8"
	case errors.Is(err, unix.EINVAL) && s.options.FD != 0:
		e.Hint = "a socket that is passed on must be new: without rings, UMEM and device"
	}
	return e
}

func (s *Socket) bindError(err error) error {
	e := &SetupError{Step: "binding", Ifindex: s.options.Ifindex, Queue: s.options.Queue, Err: err}
	queues, unknown := Queues(s.options.Ifindex)
	switch {
	case errors.Is(err, unix.EBUSY):
		e.Err, e.Hint = mean(ErrQueueBusy, err), "ss --xdp lists sockets; sockets of one process can share a queue by sharing a UMEM"
	case errors.Is(err, unix.ENODEV):
		e.Err, e.Hint = mean(ErrDeviceGone, err), "there is no device of that index in this network namespace"
	case errors.Is(err, unix.ENETDOWN):
		e.Err, e.Hint = mean(ErrLinkDown, err), "take the device up first"
	case errors.Is(err, unix.EOPNOTSUPP):
		e.Err, e.Hint = mean(ErrNotSupported, err), "the driver has no zero-copy; use PreferZeroCopy or Copy"
	case errors.Is(err, unix.EINVAL) && unknown == nil && s.options.Queue >= queues:
		e.Err, e.Hint = mean(ErrNoQueue, err), fmt.Sprintf("the device has queues 0 to %d; ethtool -L can change that", queues-1)
	case errors.Is(err, unix.EINVAL):
		e.Hint = "zero-copy wants chunks that hold a packet of the device's MTU; MultiBuffer needs Linux 6.6"
	}
	return e
}

// mean says what a kernel's error means.
func mean(what, err error) error { return fmt.Errorf("%w: %w", what, err) }

// kickError says what an error of a call for sending or receiving means.
func kickError(doing string, errno unix.Errno) error {
	var err error = errno
	switch errno {
	case unix.ENETDOWN:
		err = mean(ErrLinkDown, errno) // or gone: Socket.Err knows
	case unix.ENXIO:
		err = mean(ErrDeviceGone, errno)
	}
	return fmt.Errorf("xsk: %s: %w", doing, err)
}
