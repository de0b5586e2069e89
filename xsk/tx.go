// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// TX is the ring of packets to send. It belongs to one goroutine.
type TX struct {
	ring       producer[Desc]
	sock       *Socket
	chunks     *chunks
	completion *Completion
	kick       func() unix.Errno
	waiter     waiter
	allowed    uint32 // options of descriptors
	fragments  int    // of a packet that is not submitted to its end
}

// maxKicks bounds the calls of one Kick. In copy mode the kernel sends 32
// packets a call, so this is enough for the largest usual rings. Calls that
// move nothing are bounded by maxIdleKicks: older kernels tell of what they did
// one call late, so one of them says little.
const (
	maxKicks     = 256
	maxIdleKicks = 3
)

// Reserve returns up to limit free entries of the ring, in two spans, as it may
// wrap. Write descriptors there and [TX.Submit] them. There are no entries when
// the ring is full, and after the socket was closed.
func (t *TX) Reserve(limit int) (a, b []Desc) {
	if t.sock.closed.Load() {
		return nil, nil
	}
	return t.ring.reserve(count(limit))
}

// Submit hands the first n reserved entries to the kernel, and with them their
// chunks. [TX.Kick] makes it send them.
//
// Returns [ErrClosed], or a *[ChunkError] if a descriptor is not within one
// chunk, its chunk isn't the program's, or it is one fragment too many. Then
// nothing was submitted, and the chunks stay the program's.
func (t *TX) Submit(n int) error {
	if t.sock.closed.Load() {
		return ErrClosed
	}
	a, b := t.ring.spans(t.ring.next, min(count(n), t.ring.limit-t.ring.next))
	fragments := 0
	if t.sock.options.MultiBuffer {
		var err error
		if fragments, err = countFragments(t.fragments, a, b); err != nil {
			return err
		}
	}
	if bad := t.chunks.send(a, t.completion.tag, t.allowed); bad < len(a) {
		return t.refuse(a, bad)
	}
	if bad := t.chunks.send(b, t.completion.tag, t.allowed); bad < len(b) {
		err := t.refuse(b, bad)
		t.chunks.unsend(a)
		return err
	}
	t.fragments = fragments
	t.ring.submit(uint32(len(a) + len(b)))
	return nil
}

// maxFragments is how many fragments a packet may have: one in the kernel's
// header buffer and MAX_SKB_FRAGS others. Drivers in zero-copy take fewer.
const maxFragments = 18

// countFragments returns how many fragments the packet has that the spans leave
// unfinished, of which count were submitted before. Kernels before 6.18 lose
// the chunks of a packet with too many, or send its end as a packet.
func countFragments(count int, a, b []Desc) (int, error) {
	for _, span := range [2][]Desc{a, b} {
		for i := range span {
			if count++; count > maxFragments {
				return 0, &ChunkError{"submit", span[i], fmt.Sprintf("it is fragment %d of a packet; there can be at most %d", count, maxFragments)}
			}
			if span[i].Options&Continued == 0 {
				count = 0
			}
		}
	}
	return count, nil
}

// Send submits descriptors, as many as the ring has room for, and returns how
// many. They may be a span of another socket's RX ring on the same UMEM: that is
// forwarding without a copy. Errors are those of Submit; then it sent none.
func (t *TX) Send(descs []Desc) (n int, err error) {
	a, b := t.Reserve(len(descs))
	n = copy(a, descs)
	n += copy(b, descs[n:])
	if err := t.Submit(n); err != nil {
		return 0, err
	}
	return n, nil
}

// refuse takes back the descriptors before a bad one.
func (t *TX) refuse(descs []Desc, bad int) error {
	err := t.chunks.chunkError("submit", descs[bad], true)
	t.chunks.unsend(descs[:bad])
	return err
}

// Kick makes the kernel send what was submitted, if it needs to be told, and
// collects what was sent into a cache, unless that is nil. It calls the kernel
// until the ring is empty or the device can't take more for now: then the rest
// goes with the next Kick.
//
// Returns [ErrClosed], [ErrLinkDown], [ErrDeviceGone], or another error of the
// kernel. The packets stay on the ring.
func (t *TX) Kick(c *Cache) error {
	if t.sock.closed.Load() {
		return ErrClosed
	}
	for kicks, idle := 0, 0; kicks < maxKicks && idle < maxIdleKicks && t.ring.needsWakeup() && t.ring.pending(); kicks++ {
		before := t.ring.consumer.Load()
		switch errno := t.kick(); errno {
		case 0, unix.EAGAIN, unix.EBUSY, unix.ENOBUFS, unix.EINTR:
		default:
			return kickError("sending", errno)
		}
		idle++
		if t.collect(c) > 0 || t.ring.consumer.Load() != before {
			idle = 0
		}
	}
	t.collect(c)
	return nil
}

// collect collects what was sent, if there is a cache for it.
func (t *TX) collect(c *Cache) int {
	if c == nil {
		return 0
	}
	return t.completion.Collect(c)
}

// Wait blocks until the ring is at most half full or ctx ends. Returns errors
// as [RX.Wait] does. In copy mode the kernel sends while it waits.
func (t *TX) Wait(ctx context.Context) error {
	return t.waiter.wait(ctx, unix.POLLOUT)
}
