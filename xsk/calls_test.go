// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"testing"
	"time"

	"clearway/xsk"
)

// Each call of the kernel counts where it belongs, and what needs none doesn't.
func TestCalls(t *testing.T) {
	lab := newPair(t, 0)
	p := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	check := func(want xsk.Calls) {
		t.Helper()
		if got := p.Calls(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	check(xsk.Calls{})
	if err := p.TX.Kick(p.cache); err != nil { // nothing to send
		t.Fatal(err)
	}
	check(xsk.Calls{})
	if _, err := p.Fill.Refill(p.cache); err != nil { // veth never sleeps for want of chunks
		t.Fatal(err)
	}
	check(xsk.Calls{})
	if err := p.Fill.Wake(); err != nil {
		t.Fatal(err)
	}
	check(xsk.Calls{Wakeups: 1})
	a, _ := p.TX.Reserve(1)
	p.cache.GetAll(a)
	a[0].Len = 64
	if err := p.TX.Submit(1); err != nil {
		t.Fatal(err)
	}
	if err := p.TX.Kick(p.cache); err != nil {
		t.Fatal(err)
	}
	check(xsk.Calls{Wakeups: 1, Kicks: 1})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	wantError(t, p.RX.Wait(ctx), context.DeadlineExceeded)
	if got := p.Calls().Waits; got == 0 {
		t.Error("no wait is counted")
	}
}

// The number of queues is the device's, where its driver tells.
func TestQueues(t *testing.T) {
	lab := newPair(t, 0)
	err := lab.a.Do(func() error {
		if n, err := xsk.Queues(index(t, lab.a, "eth0")); n != 4 || err != nil {
			t.Errorf("%d queues, %v; want 4", n, err)
		}
		for name, ifindex := range map[string]int{"no device": 1 << 20, "lo": 1} {
			if n, err := xsk.Queues(ifindex); err == nil {
				t.Errorf("%s has %d queues", name, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWakeAfterStop(t *testing.T) {
	lab := newPair(t, 0)
	p := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	p.Stop()
	wantError(t, p.Fill.Wake(), xsk.ErrClosed)
}
