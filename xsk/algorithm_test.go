// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"clearway/internal/testkit"
)

// starts are where cursors begin: some wrap during the test.
var starts = []uint32{0, math.MaxUint32 - 5000, math.MaxUint32}

// checkBooks checks that each chunk has exactly the owner that the kernel, the
// rings and the caches say it has.
func checkBooks(t *testing.T, k *fakeKernel) {
	t.Helper()
	c := k.umem.Counts()
	if sum := c.Free + c.Taken + c.Received + c.Filling + c.Sending + c.Quarantined; sum != k.umem.options.Chunks {
		t.Errorf("%d chunks of %d: %+v", sum, k.umem.options.Chunks, c)
	}
	if int(c.Unexpected) > k.duplicate {
		t.Errorf("%d unexpected descriptors, the kernel made %d", c.Unexpected, k.duplicate)
	}
	seen := make(map[uint32]bool)
	for _, n := range k.umem.pool.free {
		if seen[n] {
			t.Errorf("chunk %d is in the pool twice", n)
		}
		seen[n] = true
	}
}

// A program that forwards gets each packet once and in order, whatever the
// kernel's schedule, and every chunk is accounted for.
func TestForwardOnFakeKernel(t *testing.T) {
	rng := testkit.Rand(t)
	for _, start := range starts {
		for _, shape := range []struct{ chunks, ring int }{{8, 4}, {64, 16}, {512, 64}, {200, 256}} {
			t.Run(fmt.Sprintf("%d chunks, rings of %d, from %d", shape.chunks, shape.ring, start), func(t *testing.T) {
				total := 5000
				if testing.Short() {
					total = 2000
				}
				s, k := newFake(rand.New(rand.NewPCG(rng.Uint64(), 0)), shape.chunks, shape.ring, start)
				k.generate = total
				c := s.umem.NewCache()
				runFake(t, k, func() error { return forward(s, c, total, rng) })
				c.Flush()
				checkBooks(t, k)
			})
		}
	}
}

// forward sends on what it receives, until n packets are sent and completed.
func forward(s *Socket, c *Cache, n int, rng *rand.Rand) error {
	deadline := time.Now().Add(20 * time.Second)
	for forwarded, completed := 0, 0; completed < n; {
		a, b := s.RX.Peek(1 + rng.IntN(70))
		sent, err := s.TX.Send(a)
		if err == nil && sent == len(a) {
			var more int
			more, err = s.TX.Send(b)
			sent += more
		}
		if err != nil {
			return err
		}
		s.RX.Release(sent)
		forwarded += sent
		if _, err := s.Fill.Refill(c); err != nil {
			return err
		}
		if err := s.TX.Kick(c); err != nil {
			return err
		}
		completed = forwarded - s.umem.Counts().Sending
		if sent == 0 {
			runtime.Gosched()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("stuck after %d of %d packets: %+v", forwarded, n, s.umem.Counts())
		}
	}
	return nil
}

// One goroutine receives while another sends, on one socket and one UMEM.
func TestTwoGoroutinesOnFakeKernel(t *testing.T) {
	rng := testkit.Rand(t)
	for _, start := range starts {
		s, k := newFake(rng, 256, 32, start)
		const total = 20000
		k.generate = total
		sent := make(chan error, 1)
		go func() { sent <- sendNumbers(s, total) }()
		runFake(t, k, func() error { return errors.Join(receiveNumbers(s, total), <-sent) })
		checkBooks(t, k)
	}
}

func sendNumbers(s *Socket, n int) error {
	c := s.umem.NewCache()
	defer c.Flush()
	deadline := time.Now().Add(20 * time.Second)
	for seq := 0; seq < n || s.umem.chunks.any(s.Completion.tag); {
		a, _ := s.TX.Reserve(min(7, n-seq))
		filled := 0
		for i := range a {
			addr, ok := c.Get()
			if !ok {
				break
			}
			a[i] = Desc{Addr: addr + 100, Len: 60}
			binary.BigEndian.PutUint32(s.umem.Data(a[i]), uint32(seq))
			seq++
			filled++
		}
		if err := s.TX.Submit(filled); err != nil {
			return err
		}
		if err := s.TX.Kick(c); err != nil {
			return err
		}
		if filled == 0 {
			runtime.Gosched()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("sending is stuck at %d: %+v", seq, s.umem.Counts())
		}
	}
	return nil
}

func receiveNumbers(s *Socket, n int) error {
	c := s.umem.NewCache()
	defer c.Flush()
	deadline := time.Now().Add(20 * time.Second)
	for seq := 0; seq < n; {
		a, b := s.RX.Peek(64)
		for _, span := range [2][]Desc{a, b} {
			for _, d := range span {
				if got := binary.BigEndian.Uint32(s.umem.Data(d)); got != uint32(seq) {
					return fmt.Errorf("received %d, want %d", got, seq)
				}
				seq++
			}
			if err := c.PutAll(span); err != nil {
				return err
			}
		}
		s.RX.Release(len(a) + len(b))
		// Half of the chunks are the sender's.
		if s.umem.Counts().Filling < 100 {
			if _, err := s.Fill.Refill(c); err != nil {
				return err
			}
		}
		if len(a) == 0 {
			runtime.Gosched()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("receiving is stuck at %d: %+v", seq, s.umem.Counts())
		}
	}
	return nil
}

// What the other side writes into its cursor can't lead us astray.
func TestCursorsOfTheOtherSide(t *testing.T) {
	for _, bad := range []uint32{9, 100, 1 << 31, math.MaxUint32} {
		r := newFakeRing[uint64](8, 0)
		c, p := newConsumer(r.ring), newProducer(r.ring)
		r.producer.Store(bad)
		if a, b := c.peek(8); len(a)+len(b) != 0 {
			t.Errorf("producer at %d of a ring of 8: %d entries", bad, len(a)+len(b))
		}
		p.reserve(8)
		p.submit(8)
		r.consumer.Store(bad)
		if a, b := p.reserve(8); len(a)+len(b) != 0 {
			t.Errorf("consumer at %d, producer at 8: %d entries free", bad, len(a)+len(b))
		}
	}
}

// Counts larger than what was reserved or peeked are cut.
func TestTooManySubmittedAndReleased(t *testing.T) {
	s, k := newFake(rand.New(rand.NewPCG(1, 2)), 16, 8, math.MaxUint32-3)
	c := s.umem.NewCache()
	if n, err := s.Fill.Refill(c); n != 8 || err != nil {
		t.Fatal(n, err)
	}
	s.RX.Release(5)
	if err := s.TX.Submit(-1); err != nil {
		t.Error(err)
	}
	if k.rx.consumer.Load() != k.rx.cursor || k.tx.producer.Load() != k.tx.cursor {
		t.Error("cursors moved")
	}
	if a, b := s.RX.Peek(-1); len(a)+len(b) != 0 {
		t.Error("a negative batch")
	}
}

// Peeking again, for fewer or more, takes each chunk over once.
func TestPeekAgain(t *testing.T) {
	for _, start := range []uint32{0, math.MaxUint32 - 4, 5} {
		s, k := newFake(rand.New(rand.NewPCG(1, 2)), 16, 8, start)
		c := s.umem.NewCache()
		if _, err := s.Fill.Refill(c); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			chunk, _ := k.fill.take()
			k.rx.put(Desc{Addr: chunk + 300, Len: 60})
		}
		k.rx.producer.Store(k.rx.cursor)
		left, received := 8, 0
		for _, step := range []struct{ peek, release int }{{5, 0}, {2, 0}, {5, 1}, {8, 0}, {1, 0}, {8, 3}, {2, 1}, {8, 3}, {8, 0}} {
			a, b := s.RX.Peek(step.peek)
			if got := len(a) + len(b); got != min(step.peek, left) {
				t.Errorf("Peek(%d) of %d: %d", step.peek, left, got)
			}
			received = max(received, 8-left+min(step.peek, left))
			s.RX.Release(step.release)
			left -= step.release
			if n := s.umem.Counts(); n.Unexpected != 0 || n.Received != received {
				t.Errorf("after %+v: %+v, want %d received", step, n, received)
			}
		}
	}
}
