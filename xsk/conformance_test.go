// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// The tests in capitals are the cases of the kernel's own AF_XDP selftests
// (tools/testing/selftests/bpf/xskxceiver.c), by their names.

// connect opens a sender on a and a receiver on b, each with a UMEM of the
// given options.
func connect(t *testing.T, v variant, mtu int, u xsk.UMEMOptions, o xsk.Options) (lab pair, from, to *port) {
	t.Helper()
	lab = newPair(t, mtu)
	o.NoNeedWakeup = v.noNeedWakeup
	from, to = open(t, lab.a, newUMEM(t, u), o), open(t, lab.b, newUMEM(t, u), o)
	attach(t, lab.b, xskprog.Options{Mode: v.mode, MultiBuffer: o.MultiBuffer}, to)
	return lab, from, to
}

func TestSEND_RECEIVE(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{})
		stream(t, from, to, 4096, 64)
	})
}

func TestSEND_RECEIVE_2K_FRAME(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{ChunkSize: 2048}, xsk.Options{})
		stream(t, from, to, 4096, 1500)
	})
}

func TestSEND_RECEIVE_SINGLE_PKT(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{})
		stream(t, from, to, 1, 64)
	})
}

func TestSEND_RECEIVE_UNALIGNED(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{ChunkSize: 3000, Unaligned: true}, xsk.Options{})
		stream(t, from, to, 4096, 1500)
	})
}

// Receiving is by poll whenever there is nothing, see port.receive: here before
// each batch, which is sent when all others have come.
func TestPOLL_RX(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		streamInBatches(t, v, 0, func(*port) error { return nil })
	})
}

func TestPOLL_TX(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		streamInBatches(t, v, window, func(from *port) error { return from.TX.Wait(t.Context()) })
	})
}

// streamInBatches sends batches, with so many packets at most on their way before
// each, and after what ready waits for.
func streamInBatches(t *testing.T, v variant, ahead uint32, ready func(from *port) error) {
	t.Helper()
	_, from, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{})
	ended := make(chan error)
	var arrived counter
	go func() { ended <- to.receive(t.Context(), 0, 1, 2000, 64, &arrived) }()
	for first := uint32(0); first < 2000; first += 50 {
		if err := ready(from); err != nil {
			t.Fatal(err)
		}
		for first-arrived.Load() > ahead && t.Context().Err() == nil {
			runtime.Gosched()
		}
		if err := from.send(t.Context(), first, 50, 64, nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("not all packets came")
	}
}

func TestPOLL_RXQ_FULL(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, _, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		wantError(t, to.RX.Wait(ctx), context.DeadlineExceeded)
	})
}

// A TX ring that nobody drains because the completion ring is full.
func TestPOLL_TXQ_FULL(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, _ := connect(t, v, 0, xsk.UMEMOptions{ChunkSize: 2048}, xsk.Options{TXSize: 64, CompletionSize: 16})
		for range 2 {
			descs, _ := from.TX.Reserve(64)
			for i := range descs[:from.cache.GetAll(descs)] {
				descs[i].Len = 64
			}
			if err := from.TX.Submit(len(descs)); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				from.TX.KickOnce()
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		wantError(t, from.TX.Wait(ctx), context.DeadlineExceeded)
		if err := from.TX.Kick(from.cache); err != nil { // which collects
			t.Fatal(err)
		}
		if err := from.TX.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestUMEM_HEADROOM(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{Headroom: 128}, xsk.Options{})
		if err := from.send(t.Context(), 0, 10, 64, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if err := to.RX.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		a, _ := to.RX.Peek(10)
		for _, d := range a {
			if d.Addr%4096 != 256+128 {
				t.Errorf("a packet starts at %d in its chunk", d.Addr%4096)
			}
		}
		if err := to.cache.PutAll(a); err != nil {
			t.Error(err)
		}
		to.RX.Release(len(a))
	})
}

func TestBIDIRECTIONAL(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		lab, from, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{})
		attach(t, lab.a, xskprog.Options{Mode: v.mode}, from)
		stream(t, from, to, 2000, 64)
		stream(t, to, from, 2000, 64)
	})
}

// statistic waits until a counter is what it should be.
func statistic(t *testing.T, p *port, what string, ok func(xsk.Statistics) bool) {
	t.Helper()
	var s xsk.Statistics
	for deadline := time.Now().Add(soon); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var err error
		if s, err = p.Statistics(); err != nil {
			t.Fatal(err)
		}
		if ok(s) {
			return
		}
	}
	t.Errorf("%s: %+v", what, s)
}

// Every second packet is larger than a chunk's room.
func TestSTAT_RX_DROPPED(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{ChunkSize: 2048, Headroom: 1024}, xsk.Options{})
		for seq := range uint32(100) {
			if err := from.send(t.Context(), seq, 1, 64+int(seq%2)*736, nil); err != nil {
				t.Fatal(err)
			}
		}
		statistic(t, to, "50 dropped", func(s xsk.Statistics) bool { return s.RXDropped == 50 })
	})
}

func TestSTAT_TX_INVALID(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{})
		descs, _ := from.TX.Reserve(100)
		from.cache.GetAll(descs)
		for i := range descs {
			descs[i].Len = 64
			packet(from.umem.Data(descs[i]), uint32(i/2))
			from.MarkSending(descs[i].Addr)
			if i%2 == 1 {
				descs[i].Len = 5000
			}
		}
		from.TX.SubmitUnchecked(len(descs))
		if err := from.TX.Kick(from.cache); err != nil {
			t.Fatal(err)
		}
		statistic(t, from, "50 invalid", func(s xsk.Statistics) bool { return s.TXInvalid == 50 })
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if err := to.receive(ctx, 0, 1, 50, 64, new(counter)); err != nil {
			t.Error(err)
		}
	})
}

func TestSTAT_RX_FULL(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{RXSize: 64})
		if err := from.send(t.Context(), 0, 96, 64, nil); err != nil {
			t.Fatal(err)
		}
		statistic(t, to, "32 without room", func(s xsk.Statistics) bool { return s.Extended && s.RXRingFull == 32 })
		v1, err := to.StatisticsV1()
		if err != nil || v1.Extended || v1.RXDropped < 32 || v1.RXRingFull != 0 {
			t.Errorf("version 1: %+v, %v", v1, err)
		}
	})
}

func TestSTAT_FILL_EMPTY(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{Fill: 100})
		if err := from.send(t.Context(), 0, 150, 64, nil); err != nil {
			t.Fatal(err)
		}
		statistic(t, to, "50 without a chunk", func(s xsk.Statistics) bool { return s.FillEmpty == 50 })
	})
}

func TestXDP_PROG_CLEANUP(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		lab := newPair(t, 0)
		u := newUMEM(t, xsk.UMEMOptions{})
		o := xsk.Options{NoNeedWakeup: v.noNeedWakeup}
		first, second := open(t, lab.b, u, o), open(t, lab.b, u, o)
		from := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), o)
		p := attach(t, lab.b, xskprog.Options{Mode: v.mode}, first)
		stream(t, from, first, 1000, 64)
		first.cache.Flush()
		if err := p.Register(0, second.FD()); err != nil {
			t.Fatal(err)
		}
		stream(t, from, second, 1000, 64)
	})
}

// The kernel tells how far it has come after each call of at most 32 packets.
func TestTX_QUEUE_CONSUMER(t *testing.T) {
	testkit.RequireKernel(t, "6.17", "an exact consumer cursor")
	everyWay(t, func(t *testing.T, v variant) {
		_, from, _ := connect(t, v, 0, xsk.UMEMOptions{}, xsk.Options{})
		descs, _ := from.TX.Reserve(33)
		for i := range descs[:from.cache.GetAll(descs)] {
			descs[i].Len = 64
		}
		if err := from.TX.Submit(33); err != nil {
			t.Fatal(err)
		}
		for call, want := range []uint32{32, 33} {
			from.TX.KickOnce()
			if got := from.TX.KernelConsumer(); got != want {
				t.Errorf("after call %d the kernel has read %d, want %d", call+1, got, want)
			}
		}
	})
}

// invalid are the descriptors of the kernel's cases, at offsets into a UMEM of
// 4096-byte pages, and which of them are good for a chunk size. The library
// refuses the bad ones, and the kernel isn't bothered.
func testInvalid(t *testing.T, o xsk.UMEMOptions, valid func(at, length, size uint64) bool) {
	everyWay(t, func(t *testing.T, v variant) {
		_, from, to := connect(t, v, 0, o, xsk.Options{Fill: 16})
		opts := from.umem.Options()
		end, size := uint64(opts.Chunks*opts.ChunkSize), uint64(opts.ChunkSize)
		for { // the program owns all chunks
			if _, ok := from.cache.Get(); !ok {
				break
			}
		}
		arrived := uint32(0)
		for i, d := range []xsk.Desc{
			{Addr: 16 * 4096, Len: 64}, {Addr: 17*4096 - 32, Len: 64}, {Addr: 20 * 4096, Len: 4097}, {Addr: end - size, Len: 64},
			{Addr: end, Len: 64}, {Addr: end - 32, Len: 64}, {Addr: 33*4096 - 32, Len: 64}, {Addr: 36*4096 + 2048 - 32, Len: 64}, {Addr: 40 * 4096, Len: 64},
		} {
			good := valid(d.Addr, uint64(d.Len), size) && d.Addr+uint64(d.Len) <= end
			if b := from.umem.Data(d); b != nil {
				packet(b, arrived)
			}
			_, err := from.TX.Send([]xsk.Desc{d})
			var bad *xsk.ChunkError
			if good != (err == nil) || err != nil && !errors.As(err, &bad) {
				t.Errorf("descriptor %d, %+v: %v, want good: %v", i, d, err, good)
			}
			if err == nil {
				arrived++
			}
		}
		if err := from.TX.Kick(from.cache); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if err := to.receive(ctx, 0, 1, int(arrived), 64, new(counter)); err != nil {
			t.Error(err)
		}
		if s, err := from.Statistics(); err != nil || s.TXInvalid != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func withinChunk(at, length, size uint64) bool { return at/size == (at+length-1)/size }

func TestALIGNED_INV_DESC(t *testing.T) {
	testInvalid(t, xsk.UMEMOptions{Chunks: 64}, withinChunk)
}

func TestALIGNED_INV_DESC_2K_FRAME_SIZE(t *testing.T) {
	testInvalid(t, xsk.UMEMOptions{Chunks: 128, ChunkSize: 2048}, withinChunk)
}

// Chunks of this library are disjoint in the unaligned mode too, so that a
// packet lies within one.
func TestUNALIGNED_INV_DESC(t *testing.T) {
	testInvalid(t, xsk.UMEMOptions{Chunks: 64, Unaligned: true}, withinChunk)
}

func TestUNALIGNED_INV_DESC_4001_FRAME_SIZE(t *testing.T) {
	testInvalid(t, xsk.UMEMOptions{Chunks: 64, ChunkSize: 4001, Unaligned: true}, withinChunk)
}

// What a kernel up to 5.3 tells of its rings is enough: every call is made.
func TestOldLayout(t *testing.T) {
	lab := newPair(t, 0)
	o := xsk.WithOldLayout(xsk.Options{})
	from, to := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), o), open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), o)
	attach(t, lab.b, xskprog.Options{}, to)
	stream(t, from, to, 1000, 64)
}
