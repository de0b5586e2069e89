// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The benchmarks measure what a descriptor costs in user space, checks of
// ownership included. The rings are as large as a batch and hold the same 64
// chunks all the time, so that the kernel only needs to move its cursors. What
// counts is the CPU time of the thread: others may want the CPU too.

const benchBatch = 64

type benchSocket struct {
	*Socket
	k     *fakeKernel
	cache *Cache
	start int64 // of threadTime
}

// threadTime is the CPU time that this thread has used, in nanoseconds.
func threadTime() int64 {
	var t unix.Timespec
	// It can't fail.
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return t.Nano()
}

func newBench(b *testing.B) benchSocket {
	s, k := newFake(rand.New(rand.NewPCG(1, 1)), benchBatch, benchBatch, 0)
	for i := range benchBatch {
		k.rx.entries[i] = Desc{Addr: uint64(i)*2048 + kernelHeadroom, Len: 64}
		k.completion.entries[i] = uint64(i)*2048 + kernelHeadroom
	}
	runtime.LockOSThread()
	b.ReportAllocs()
	return benchSocket{s, k, s.umem.NewCache(), threadTime()}
}

// move moves a cursor of the kernel's side. It is a plain store: what an atomic
// one costs there isn't ours to count.
func move(cursor *atomic.Uint32, to uint32) { *(*uint32)(unsafe.Pointer(cursor)) = to }

func (s *benchSocket) refill() {
	s.Fill.Refill(s.cache)
	move(s.k.fill.consumer, s.k.fill.producer.Load())
	move(s.k.rx.producer, s.k.rx.consumer.Load()+benchBatch)
}

func (s *benchSocket) collect() {
	move(s.k.tx.consumer, s.k.tx.producer.Load())
	move(s.k.completion.producer, s.k.completion.consumer.Load()+benchBatch)
	s.TX.Kick(s.cache)
}

func (s *benchSocket) check(b *testing.B) {
	spent := threadTime() - s.start
	b.StopTimer()
	runtime.UnlockOSThread()
	if n := s.umem.Counts().Unexpected; n != 0 {
		b.Errorf("%d unexpected descriptors", n)
	}
	b.ReportMetric(float64(spent)/float64(b.N)/benchBatch, "ns/packet")
}

func BenchmarkReceive(b *testing.B) {
	s := newBench(b)
	s.refill()
	var bytes uint64
	for b.Loop() {
		x, y := s.RX.Peek(benchBatch)
		for _, span := range [2][]Desc{x, y} {
			for i := range span {
				bytes += uint64(span[i].Len)
			}
			s.cache.PutAll(span)
		}
		s.RX.Release(len(x) + len(y))
		s.refill()
	}
	s.check(b)
}

func BenchmarkSend(b *testing.B) {
	s := newBench(b)
	for b.Loop() {
		x, y := s.TX.Reserve(benchBatch)
		for _, span := range [2][]Desc{x, y} {
			n := s.cache.GetAll(span)
			for i := range span[:n] {
				span[i].Len = 64
			}
		}
		if err := s.TX.Submit(len(x) + len(y)); err != nil {
			b.Fatal(err)
		}
		s.collect()
	}
	s.check(b)
}

func BenchmarkForward(b *testing.B) {
	s := newBench(b)
	s.refill()
	for b.Loop() {
		x, y := s.RX.Peek(benchBatch)
		for _, span := range [2][]Desc{x, y} {
			if n, err := s.TX.Send(span); n != len(span) {
				b.Fatal(n, err)
			}
		}
		s.RX.Release(len(x) + len(y))
		s.collect()
		s.refill()
	}
	s.check(b)
}
