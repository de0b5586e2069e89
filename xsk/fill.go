// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Fill is the ring on which the kernel is given chunks to receive into. It
// belongs to the goroutine that receives. Sockets on the same queue share it,
// and must take turns.
type Fill struct {
	ring   *producer[uint64]
	tag    tag
	closed *atomic.Bool
	kick   func() unix.Errno
}

// Refill fills the ring to the top from a cache, and wakes the kernel if it
// sleeps for want of chunks. Call it once for each batch received. Returns the
// number of chunks given. Errors are [ErrClosed] and those of the kernel.
func (f *Fill) Refill(c *Cache) (n int, err error) {
	if f.closed.Load() {
		return 0, ErrClosed
	}
	a, b := f.ring.reserve(f.ring.size())
	n = c.fill(a, f.tag)
	if n == len(a) {
		n += c.fill(b, f.tag)
	}
	if n > 0 {
		f.ring.submit(uint32(n))
	}
	if f.ring.needsWakeup() {
		return n, f.wake()
	}
	return n, nil
}

// Wake calls the kernel to receive, whether it sleeps or not. With
// [Options.BusyPoll] this is what runs the device's work: a loop that finds no
// packet should call it in place of [RX.Wait]. Errors are those of Refill.
func (f *Fill) Wake() error {
	if f.closed.Load() {
		return ErrClosed
	}
	return f.wake()
}

// wake calls the kernel. That it has nothing to do, or is doing it, is fine.
func (f *Fill) wake() error {
	switch errno := f.kick(); errno {
	case 0, unix.EAGAIN, unix.EBUSY, unix.ENOBUFS, unix.EINTR:
		return nil
	default:
		return kickError("waking the kernel to receive", errno)
	}
}
