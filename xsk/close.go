// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Stop ends all waits, now and later, with [ErrClosed], and makes the rings
// seem empty and full. Any goroutine may call it to end the goroutines that
// receive and send, before Close.
func (s *Socket) Stop() {
	s.closed.Store(true)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return
	}
	if s.RX != nil {
		s.RX.waiter.wake()
	}
	if s.TX != nil {
		s.TX.waiter.wake()
	}
}

// Close closes the socket. It stops, waits until what was submitted is sent,
// closes the socket's files, waits until the kernel has let go of the queue,
// and then gives the kernel's chunks back to the UMEM's pool.
//
// It may be called while another goroutine waits, but not while one is in
// another call on RX, TX, Fill or Completion: [Socket.Stop] them first. Chunks
// that the program holds stay its own. Later calls do nothing.
//
// Returns a *[QuarantineError] if the kernel keeps chunks for longer than
// [Options.DrainTimeout]. The order in which chunks were given says nothing
// about the order in which they come back, and the kernel goes on for a while
// after close(2): so they are never reclaimed by counting.
func (s *Socket) Close() error {
	s.Stop()
	s.umem.mu.Lock()
	defer s.umem.mu.Unlock()
	s.mu.Lock() // waits end
	defer s.mu.Unlock()
	if s.fd < 0 {
		return nil
	}
	s.drain()
	s.umem.members = slices.DeleteFunc(s.umem.members, func(m *Socket) bool { return m == s })
	passErr := s.queue.pass(s)
	last, err := s.release()
	err = errors.Join(passErr, err)
	if last {
		err = errors.Join(err, s.reclaim())
	}
	if s.spare >= 0 {
		err = errors.Join(err, unix.Close(s.spare))
	}
	return err
}

// drain sends what was submitted and takes back what is on the rings.
func (s *Socket) drain() {
	c := s.umem.NewCache()
	defer c.Flush()
	if s.RX != nil {
		a, b := s.RX.ring.peek(s.RX.ring.size())
		for _, desc := range slices.Concat(a, b)[min(int(s.RX.seen), len(a)+len(b)):] {
			s.umem.chunks.receive([]Desc{desc}, s.RX.from)
			c.Put(desc.Addr)
		}
	}
	if s.TX == nil {
		return
	}
	for deadline := time.Now().Add(s.options.DrainTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		errno := s.TX.kick()
		done := !s.TX.ring.pending()
		if s.queue.sockets == 1 { // else others collect what this socket has sent
			s.Completion.collect(c)
			done = !s.umem.chunks.any(s.Completion.tag)
		}
		if done || errno == unix.ENETDOWN || errno == unix.ENXIO {
			return
		}
	}
}

// abandon undoes a failed opening. The socket was never bound, so that the
// kernel has seen none of the chunks.
func (s *Socket) abandon() {
	if last, _ := s.release(); last {
		s.umem.pool.give(s.umem.chunks.reclaim(s.queue.number, free))
	}
	if s.spare >= 0 {
		unix.Close(s.spare)
	}
}

// release gives files and mappings back. It returns true if the socket was the
// last on its queue.
func (s *Socket) release() (last bool, err error) {
	var errs []error
	maps := s.maps
	last = s.queue.leave()
	if last {
		maps = slices.Concat(maps, s.queue.maps)
	}
	for _, m := range maps {
		errs = append(errs, vacate(s, m)) // each holds a reference to the socket
	}
	if s.fd >= 0 {
		errs = append(errs, os.NewSyscallError("close", unix.Close(s.fd)))
		s.fd = -1
	}
	s.link.close()
	if s.RX != nil {
		s.RX.waiter.close()
	}
	if s.TX != nil {
		s.TX.waiter.close()
	}
	return last, errors.Join(errs...)
}

// reclaim gives the kernel's chunks back to the pool, or sets them aside.
func (s *Socket) reclaim() error {
	chunks, number := &s.umem.chunks, s.queue.number
	if !chunks.any(filling.on(number)) && !chunks.any(sending.on(number)) {
		return nil
	}
	if s.kernelLetGo() {
		s.umem.pool.give(chunks.reclaim(number, free))
		return nil
	}
	return &QuarantineError{len(chunks.reclaim(number, quarantined))}
}

// kernelLetGo proves that the kernel is done with the queue's chunks: only then
// may another UMEM be bound to the queue, or is the device gone. The proof is a
// socket with a UMEM of one chunk, which takes the queue for a moment.
func (s *Socket) kernelLetGo() bool {
	if s.spare < 0 {
		return false
	}
	probe, err := NewUMEM(UMEMOptions{Chunks: 1})
	if err != nil {
		return false
	}
	defer probe.Close()
	if probe.register(s.spare) != nil {
		return false
	}
	for _, ring := range [...]int{unix.XDP_UMEM_FILL_RING, unix.XDP_UMEM_COMPLETION_RING, unix.XDP_RX_RING} {
		if unix.SetsockoptInt(s.spare, unix.SOL_XDP, ring, 1) != nil {
			return false
		}
	}
	sa := &unix.SockaddrXDP{Ifindex: uint32(s.options.Ifindex), QueueID: uint32(s.options.Queue), Flags: unix.XDP_COPY}
	err = bindPatiently(s.spare, sa, s.options.DrainTimeout)
	return err == nil || errors.Is(err, unix.ENODEV)
}
