// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeKernel is the other side of a socket's four rings, in plain memory so
// that the race detector sees every access: a device in zero-copy mode that
// works when it likes, publishes late, uses chunks in any order, completes in
// any order, some twice, and sleeps until it is called.
type fakeKernel struct {
	rng        *rand.Rand
	umem       *UMEM
	fill       fakeRing[uint64]
	rx, tx     fakeRing[Desc]
	completion fakeRing[uint64]

	generate  int      // packets still to be received by the program
	chunks    []uint64 // from the fill ring
	sent      []uint64 // to be completed
	nextRX    uint32   // numbers of packets
	nextTX    uint32
	called    chan struct{}
	sleeps    int
	duplicate int // completions that were given twice or are nonsense
}

// fakeRing is the kernel's side of a ring: slow and obvious.
type fakeRing[T any] struct {
	ring[T]
	cursor uint32 // the kernel's own, ahead of what it has published
}

func newFakeRing[T any](size int, start uint32) fakeRing[T] {
	r := fakeRing[T]{ring: ring[T]{new(atomic.Uint32), new(atomic.Uint32), new(atomic.Uint32), make([]T, size)}, cursor: start}
	r.producer.Store(start)
	r.consumer.Store(start)
	return r
}

func (r *fakeRing[T]) take() (v T, ok bool) {
	if r.producer.Load() == r.cursor {
		return v, false
	}
	v = r.entries[int(r.cursor)%len(r.entries)]
	r.cursor++
	return v, true
}

func (r *fakeRing[T]) put(v T) bool {
	if r.cursor-r.consumer.Load() == uint32(len(r.entries)) {
		return false
	}
	r.entries[int(r.cursor)%len(r.entries)] = v
	r.cursor++
	return true
}

func (r *fakeRing[T]) room() int { return len(r.entries) - int(r.cursor-r.consumer.Load()) }

// newFake returns a socket on a fake kernel. All cursors begin at start.
func newFake(rng *rand.Rand, chunks, ringSize int, start uint32) (*Socket, *fakeKernel) {
	const size = 2048
	u := &UMEM{options: UMEMOptions{Chunks: chunks, ChunkSize: size}, bytes: make([]byte, chunks*size)}
	u.chunks.init(chunks, size)
	for i := range chunks {
		u.pool.free = append(u.pool.free, uint32(i))
	}
	k := &fakeKernel{
		rng: rng, umem: u, called: make(chan struct{}, 1),
		fill: newFakeRing[uint64](ringSize, start), completion: newFakeRing[uint64](ringSize, start),
		rx: newFakeRing[Desc](ringSize, start), tx: newFakeRing[Desc](ringSize, start),
	}
	s := &Socket{umem: u, fd: -1, spare: -1, queue: &queue{umem: u, sockets: 1}}
	s.queue.fill, s.queue.completion = newProducer(k.fill.ring), newConsumer(k.completion.ring)
	s.connectQueue()
	s.Fill.kick = k.call
	s.RX = &RX{ring: newConsumer(k.rx.ring), sock: s, chunks: &u.chunks, from: s.Fill.tag}
	s.TX = &TX{ring: newProducer(k.tx.ring), sock: s, chunks: &u.chunks, completion: s.Completion, allowed: Metadata, kick: k.call}
	return s, k
}

// call is what sendto and recvfrom do.
func (k *fakeKernel) call() unix.Errno {
	select {
	case k.called <- struct{}{}:
		return 0
	default:
		return unix.EAGAIN // it was called and is not up yet
	}
}

// run works until stop, or until nobody has called it for too long.
func (k *fakeKernel) run(stop *atomic.Bool) error {
	for !stop.Load() {
		if err := k.step(); err != nil {
			return err
		}
		if k.rng.IntN(64) == 0 {
			runtime.Gosched()
		}
		if k.idle() {
			if err := k.sleep(stop); err != nil {
				return err
			}
		}
	}
	return nil
}

// step does one thing at random.
func (k *fakeKernel) step() error {
	switch k.rng.IntN(8) {
	case 0, 1:
		if addr, ok := k.fill.take(); ok {
			k.chunks = append(k.chunks, addr)
		}
	case 2:
		k.receive()
	case 3, 4:
		return k.send()
	case 5:
		k.complete()
	case 6:
		k.fill.consumer.Store(k.fill.cursor)
		k.rx.producer.Store(k.rx.cursor)
	case 7:
		k.tx.consumer.Store(k.tx.cursor)
		k.completion.producer.Store(k.completion.cursor)
	}
	return nil
}

// receive makes a packet for the program, in any of the chunks it has.
func (k *fakeKernel) receive() {
	if k.generate == 0 || len(k.chunks) == 0 || k.rx.room() == 0 {
		return
	}
	d := Desc{Addr: pick(k.rng, &k.chunks) + kernelHeadroom, Len: 64}
	binary.BigEndian.PutUint32(k.umem.Data(d), k.nextRX)
	k.rx.put(d)
	k.nextRX++
	k.generate--
}

// send checks what the program sent: packets in order.
func (k *fakeKernel) send() error {
	d, ok := k.tx.take()
	if !ok {
		return nil
	}
	if got := binary.BigEndian.Uint32(k.umem.Data(d)); got != k.nextTX {
		return fmt.Errorf("sent packet %d, want %d", got, k.nextTX)
	}
	k.nextTX++
	k.sent = append(k.sent, d.Addr)
	return nil
}

// complete completes any of the sent chunks; and sometimes once more, or
// something else, before the program sees it.
func (k *fakeKernel) complete() {
	if len(k.sent) == 0 || k.completion.room() < 3 {
		return
	}
	addr := pick(k.rng, &k.sent)
	k.completion.put(addr)
	switch k.rng.IntN(8) {
	case 0:
		k.completion.put(addr)
		k.duplicate++
	case 1:
		k.completion.put(k.rng.Uint64() | 1<<40)
		k.duplicate++
	}
}

// idle tells whether there is nothing to do before the program acts.
func (k *fakeKernel) idle() bool {
	return len(k.sent) == 0 && (len(k.chunks) == 0 || k.generate == 0 || k.rx.room() == 0) &&
		k.fill.producer.Load() == k.fill.cursor && k.tx.producer.Load() == k.tx.cursor
}

// sleep waits for a call, as a driver does: it asks for it, and looks again.
func (k *fakeKernel) sleep(stop *atomic.Bool) error {
	k.fill.consumer.Store(k.fill.cursor)
	k.rx.producer.Store(k.rx.cursor)
	k.tx.consumer.Store(k.tx.cursor)
	k.completion.producer.Store(k.completion.cursor)
	k.fill.flags.Store(1)
	k.tx.flags.Store(1)
	defer k.fill.flags.Store(0)
	defer k.tx.flags.Store(0)
	k.sleeps++
	for waited := 0; k.idle() && !stop.Load(); waited++ {
		select {
		case <-k.called:
			return nil
		case <-time.After(time.Millisecond): // only to look at stop
		}
		if waited == 5000 {
			return fmt.Errorf("slept for 5 s: %d packets to receive, %d chunks", k.generate, len(k.chunks))
		}
	}
	return nil
}

func pick(rng *rand.Rand, from *[]uint64) uint64 {
	s := *from
	i := rng.IntN(len(s))
	v := s[i]
	s[i] = s[len(s)-1]
	*from = s[:len(s)-1]
	return v
}

func (k *fakeKernel) String() string {
	return fmt.Sprintf("received %d, sent %d, slept %d times, %d bad completions", k.nextRX, k.nextTX, k.sleeps, k.duplicate)
}

// runFake runs a program against a fake kernel, until the program ends.
func runFake(t *testing.T, k *fakeKernel, program func() error) {
	t.Helper()
	var stop atomic.Bool
	ended := make(chan error)
	go func() { ended <- k.run(&stop) }()
	if err := program(); err != nil {
		t.Error(err)
	}
	stop.Store(true)
	if err := <-ended; err != nil {
		t.Errorf("kernel: %v", err)
	}
	t.Log(k)
}
