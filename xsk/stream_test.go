// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"clearway/xsk"
)

const batch = 64

// counter counts packets for another goroutine.
type counter = atomic.Uint32

// packet writes packet number seq: addresses, an experimental EtherType, and
// the number in each word that follows.
func packet(b []byte, seq uint32) {
	copy(b, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x88\xb5\x00\x00")
	for i := 16; i+4 <= len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], seq)
	}
}

// checkPacket checks all words of a packet.
func checkPacket(b []byte, seq uint32, size int) error {
	if len(b) != size {
		return fmt.Errorf("packet %d: %d bytes, want %d", seq, len(b), size)
	}
	for i := 16; i+4 <= len(b); i += 4 {
		if got := binary.BigEndian.Uint32(b[i:]); got != seq {
			return fmt.Errorf("packet %d: %d at byte %d", seq, got, i)
		}
	}
	return nil
}

// window bounds how many packets are on their way, as nothing else holds the
// sender back: with a batch more it fits the 256 places of a veth's own ring.
const window = 128

// send sends n packets from number first on. It waits for the count of those
// that have arrived, unless that is nil.
func (p *port) send(ctx context.Context, first uint32, n, size int, arrived *counter) error {
	for seq, end := first, first+uint32(n); seq != end; {
		if arrived != nil && seq-first-arrived.Load() > window && ctx.Err() == nil {
			runtime.Gosched()
			continue
		}
		a, b := p.TX.Reserve(min(batch, int(end-seq)))
		done := 0
		for _, span := range [2][]xsk.Desc{a, b} {
			n := p.cache.GetAll(span)
			for i := range span[:n] {
				span[i].Len = uint32(size)
				packet(p.umem.Data(span[i]), seq)
				seq++
			}
			done += n
		}
		if err := p.TX.Submit(done); err != nil {
			return err
		}
		if err := p.TX.Kick(p.cache); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("sending, at packet %d of %d: %w", seq-first, n, err)
		}
	}
	return nil
}

// receive receives n packets, from number first on and each step later, in
// order.
func (p *port) receive(ctx context.Context, first, step uint32, n, size int, arrived *counter) error {
	for got := 0; got < n; {
		a, b := p.RX.Peek(batch)
		for _, span := range [2][]xsk.Desc{a, b} {
			for _, d := range span {
				if err := checkPacket(p.umem.Data(d), first+uint32(got)*step, size); err != nil {
					return err
				}
				got++
			}
			if err := p.cache.PutAll(span); err != nil {
				return err
			}
		}
		p.RX.Release(len(a) + len(b))
		arrived.Store(uint32(got))
		if _, err := p.Fill.Refill(p.cache); err != nil {
			return err
		}
		if len(a) > 0 {
			continue
		}
		if err := p.RX.Wait(ctx); err != nil {
			stats, _ := p.Statistics()
			return fmt.Errorf("receiving, after %d of %d packets, %+v: %w", got, n, stats, err)
		}
	}
	return nil
}

// stream sends n packets from one port to the other and checks them.
func stream(t testing.TB, from, to *port, n, size int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	received := make(chan error)
	var arrived counter
	go func() {
		err := to.receive(ctx, 0, 1, n, size, &arrived)
		if err != nil {
			cancel()
		}
		received <- err
	}()
	if err := from.send(ctx, 0, n, size, &arrived); err != nil {
		t.Error(err)
	}
	if err := <-received; err != nil {
		t.Error(err)
	}
}
