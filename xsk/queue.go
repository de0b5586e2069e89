// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"

	"golang.org/x/sys/unix"
)

// queue is one queue of a device as a UMEM sees it: its fill and completion
// ring, which all sockets of the UMEM on that queue share.
type queue struct {
	umem           *UMEM
	number         int // in UMEM.queues, and in tags
	ifindex, index int
	sockets        int
	owner          *Socket // whose file the rings are mapped from

	fill       producer[uint64]
	completion consumer[uint64]
	maps       []mapping // of fill and completion
}

// pass maps the queue's rings from another of its sockets, so that the mappings
// don't hold a closed one. Kernels before 6.4 refuse that (EBUSY): there a
// closed socket stays in the kernel until the last on its queue is closed.
func (q *queue) pass(from *Socket) error {
	if q.owner != from {
		return nil
	}
	for _, m := range q.umem.members {
		if m.queue == q && m != from {
			err := errors.Join(
				q.maps[0].remap(m.fd, unix.XDP_UMEM_PGOFF_FILL_RING),
				q.maps[1].remap(m.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING))
			if errors.Is(err, unix.EBUSY) {
				return nil
			}
			q.owner = m
			return err
		}
	}
	return nil
}

// joinQueue returns the UMEM's queue for a socket, and whether it is a new one.
func (u *UMEM) joinQueue(ifindex, index int) (q *queue, isNew bool, err error) {
	slot := -1
	for i, q := range u.queues {
		switch {
		case q == nil:
			slot = i
		case q.ifindex == ifindex && q.index == index:
			q.sockets++
			return q, false, nil
		}
	}
	if slot < 0 {
		slot = len(u.queues)
		u.queues = append(u.queues, nil)
	}
	if slot >= maxQueues {
		return nil, false, &OptionError{"Queue", index, "the UMEM has too many queues; use another UMEM"}
	}
	q = &queue{umem: u, number: slot, ifindex: ifindex, index: index, sockets: 1}
	u.queues[slot] = q
	return q, true, nil
}

// leave takes a socket off its queue. It returns true if it was the last.
func (q *queue) leave() bool {
	q.sockets--
	if q.sockets == 0 {
		q.umem.queues[q.number] = nil
		return true
	}
	return false
}
