// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"context"

	"golang.org/x/sys/unix"
)

// RX is the ring of received packets. It belongs to one goroutine.
type RX struct {
	ring   consumer[Desc]
	sock   *Socket
	chunks *chunks
	from   tag
	seen   uint32 // entries from ring.next on that were peeked before
	waiter waiter
}

// Peek returns up to limit received descriptors, oldest first, in two spans of
// the ring itself, as it may wrap. They stay in place until [RX.Release], and
// their chunks are the program's: to be sent, or put into a cache. Without a
// packet, and after the socket was closed, there is nothing in the spans.
//
// With [Options.MultiBuffer] the spans end with a whole packet, unless limit is
// less than its number of fragments.
func (r *RX) Peek(limit int) (a, b []Desc) {
	if r.sock.closed.Load() {
		return nil, nil
	}
	a, b = r.ring.peek(count(limit))
	if r.sock.options.MultiBuffer {
		a, b = wholePackets(a, b)
	}
	seen := int(r.seen)
	r.chunks.receive(a[min(seen, len(a)):], r.from)
	r.chunks.receive(b[min(max(seen-len(a), 0), len(b)):], r.from)
	r.seen = max(r.seen, uint32(len(a)+len(b)))
	return a, b
}

// Release gives the first n peeked entries of the ring back to the kernel: the
// spans must not be used any more. It doesn't touch their chunks.
func (r *RX) Release(n int) {
	if r.sock.closed.Load() {
		return
	}
	k := min(count(n), r.seen)
	r.seen -= k
	r.ring.release(k)
}

// Wait blocks until packets are there or ctx ends. Returns [ErrClosed] at once
// when the socket closes, [ErrLinkDown] and [ErrDeviceGone] when the link does.
func (r *RX) Wait(ctx context.Context) error {
	if r.ring.limit != r.ring.next {
		return r.sock.err()
	}
	return r.waiter.wait(ctx, unix.POLLIN)
}

// wholePackets cuts off the packet that isn't there to its end, unless there is
// no other.
func wholePackets(a, b []Desc) ([]Desc, []Desc) {
	for n := len(b); n > 0; n-- {
		if b[n-1].Options&Continued == 0 {
			return a, b[:n]
		}
	}
	for n := len(a); n > 0; n-- {
		if a[n-1].Options&Continued == 0 {
			return a[:n], nil
		}
	}
	return a, b
}
