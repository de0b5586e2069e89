// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"context"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// waiter blocks one goroutine until its socket is ready, something happens to
// the link, or another goroutine wakes it.
type waiter struct {
	sock  *Socket
	event int // an eventfd that ends the wait
}

func newWaiter(s *Socket) (waiter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return waiter{event: -1}, os.NewSyscallError("eventfd", err)
	}
	return waiter{s, fd}, nil
}

// wait polls the socket for events. It holds the socket open meanwhile.
func (w *waiter) wait(ctx context.Context, events int16) error {
	w.sock.mu.RLock()
	defer w.sock.mu.RUnlock()
	if ctx.Done() != nil {
		woken := make(chan struct{})
		stop := context.AfterFunc(ctx, func() { w.wake(); close(woken) })
		defer func() {
			if !stop() {
				<-woken // so that it writes to no other file of that number
			}
		}()
	}
	for {
		if err := w.sock.err(); err != nil {
			w.wake() // whoever else waits here, so that Close never does
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		ready, err := w.poll(events)
		if ready || err != nil {
			return err
		}
	}
}

// poll returns true when the socket is ready, and false to look again.
func (w *waiter) poll(events int16) (ready bool, err error) {
	fds := [...]unix.PollFd{
		{Fd: int32(w.sock.fd), Events: events},
		{Fd: int32(w.event), Events: unix.POLLIN},
		{Fd: int32(w.sock.link.fd), Events: unix.POLLIN},
	}
	w.sock.calls.waits.Add(1)
	_, err = unix.Ppoll(fds[:], nil, nil)
	switch {
	case err == unix.EINTR:
		return false, nil
	case err != nil:
		return false, os.NewSyscallError("ppoll", err)
	}
	if fds[1].Revents != 0 {
		var b [8]byte
		unix.Read(w.event, b[:])
	}
	if fds[2].Revents != 0 {
		w.sock.link.read()
	}
	if fds[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
		return false, w.sock.pendingError()
	}
	return fds[0].Revents&events != 0, nil
}

func (w *waiter) wake() {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], 1)
	unix.Write(w.event, b[:])
}

func (w *waiter) close() {
	if w.event >= 0 {
		unix.Close(w.event)
	}
}
