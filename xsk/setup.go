// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// sharer returns the socket whose registration of the UMEM a new one shares, or
// nil if it registers the UMEM itself.
func (u *UMEM) sharer(q *queue, isNew, separate bool) *Socket {
	for _, m := range u.members {
		if m.queue == q || isNew && !separate && !m.separate {
			return m
		}
	}
	return nil
}

// cannotShare tells whether an error may come from a kernel that shares a UMEM
// on one queue only (before 5.10), or in one mode only, so that registering the
// memory once more helps.
func (u *UMEM) cannotShare(o Options, err error) bool {
	return len(u.members) > 0 && !o.Separate && o.FD == 0 &&
		(errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP))
}

// mapRings makes and maps the rings, and registers the UMEM, unless it is
// shared with a socket.
func (s *Socket) mapRings(with *Socket, newQueue bool) error {
	if with == nil {
		s.separate = len(s.umem.members) > 0
		if err := s.umem.register(s.fd); err != nil {
			return s.setupError("registering the UMEM", err)
		}
	}
	offsets, hasFlags, err := mmapOffsets(s.fd, s.options.layoutRoom)
	if err != nil {
		return s.setupError("asking for the layout of rings", err)
	}
	layout := layout{offsets, hasFlags}
	if newQueue {
		err = s.mapQueue(layout)
	}
	s.connectQueue()
	if err == nil && !s.options.NoRX {
		err = s.mapRX(layout)
	}
	if err == nil && !s.options.NoTX {
		err = s.mapTX(layout)
	}
	if err != nil {
		return s.setupError("mapping rings", err)
	}
	return nil
}

// connectQueue gives the socket its ways to the queue's rings.
func (s *Socket) connectQueue() {
	q, fd := s.queue, s.fd
	s.Fill = &Fill{ring: &q.fill, tag: filling.on(q.number), closed: &s.closed,
		kick: func() unix.Errno { s.calls.wakeups.Add(1); return kickRX(fd) }}
	s.Completion = &Completion{ring: &q.completion, tag: sending.on(q.number), closed: &s.closed}
}

// register registers the UMEM with a socket. Its pages count as locked memory:
// where the limit is too low, it is raised.
func (u *UMEM) register(fd int) error {
	o := u.options
	reg := unix.XDPUmemReg{Len: uint64(len(u.bytes)), Size: uint32(o.ChunkSize), Headroom: uint32(o.Headroom)}
	if o.Unaligned {
		reg.Flags |= unix.XDP_UMEM_UNALIGNED_CHUNK_FLAG
	}
	if o.SoftwareChecksum {
		reg.Flags |= unix.XDP_UMEM_TX_SW_CSUM
	}
	if o.Metadata {
		reg.Flags |= unix.XDP_UMEM_TX_METADATA_LEN
		reg.Tx_metadata_len = metadataSize
	}
	err := u.mem.register(fd, reg)
	if errors.Is(err, unix.ENOBUFS) && liftMemlock() {
		err = u.mem.register(fd, reg)
	}
	if o.Metadata && errors.Is(err, unix.EINVAL) { // Linux 6.8 has the length without the flag
		reg.Flags &^= unix.XDP_UMEM_TX_METADATA_LEN
		err = u.mem.register(fd, reg)
	}
	return err
}

// liftMemlock lifts the process's limit of locked memory as far as it may:
// with CAP_SYS_RESOURCE altogether, else up to the hard limit.
func liftMemlock() bool {
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit) == nil {
		return true
	}
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) != nil || limit.Cur == limit.Max {
		return false
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit) == nil
}

// layout is where things are in the rings, by XDP_MMAP_OFFSETS.
type layout struct {
	unix.XDPMmapOffsets
	hasFlags bool
}

func (s *Socket) mapQueue(l layout) error {
	q, o := s.queue, &s.options
	fill, err := makeRing[uint64](s, unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_PGOFF_FILL_RING, l.Fr, l.hasFlags, o.FillSize, &q.maps)
	if err != nil {
		return err
	}
	completion, err := makeRing[uint64](s, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_UMEM_PGOFF_COMPLETION_RING, l.Cr, l.hasFlags, o.CompletionSize, &q.maps)
	if err != nil {
		return err
	}
	q.owner = s
	q.fill, q.completion = newProducer(fill), newConsumer(completion)
	return nil
}

func (s *Socket) mapRX(l layout) error {
	r, err := makeRing[Desc](s, unix.XDP_RX_RING, unix.XDP_PGOFF_RX_RING, l.Rx, l.hasFlags, s.options.RXSize, &s.maps)
	if err != nil {
		return err
	}
	s.RX = &RX{ring: newConsumer(r), sock: s, chunks: &s.umem.chunks, from: s.Fill.tag}
	s.RX.waiter, err = newWaiter(s)
	return err
}

func (s *Socket) mapTX(l layout) error {
	r, err := makeRing[Desc](s, unix.XDP_TX_RING, unix.XDP_PGOFF_TX_RING, l.Tx, l.hasFlags, s.options.TXSize, &s.maps)
	if err != nil {
		return err
	}
	fd := s.fd
	s.TX = &TX{ring: newProducer(r), sock: s, chunks: &s.umem.chunks, completion: s.Completion,
		allowed: s.options.txOptions(), kick: func() unix.Errno { s.calls.kicks.Add(1); return kickTX(fd) }}
	s.TX.waiter, err = newWaiter(s)
	return err
}

// makeRing makes a ring of n entries in the kernel and maps it.
func makeRing[T any](s *Socket, option int, offset int64, l unix.XDPRingOffset, hasFlags bool, n int, maps *[]mapping) (ring[T], error) {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, option, n); err != nil {
		return ring[T]{}, os.NewSyscallError("setsockopt", err)
	}
	r, m, err := mapRing[T](s.fd, offset, l, hasFlags, uint32(n))
	if err == nil {
		*maps = append(*maps, m)
	}
	return r, err
}
