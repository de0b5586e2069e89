// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// backends stand for the world: what is not said of one is that it answers after
// a millisecond.
type backends struct {
	mu     sync.Mutex
	errors map[Key]error
	hang   map[Key]bool
	probed map[Key][]time.Time
	now    int // probes under way
	most   int // at once
	all    int // so far

	other func(context.Context, Check) error // makes the probes, if there is one
}

func (b *backends) probe(ctx context.Context, c Check) error {
	b.begin(c.Key)
	defer b.end()
	if b.other != nil {
		return b.other(ctx, c)
	}
	wait, err := b.answer(c.Key)
	select {
	case <-ctx.Done():
		return errors.New("no answer")
	case <-time.After(wait):
		return err
	}
}

func (b *backends) begin(k Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now++
	b.all++
	b.most = max(b.most, b.now)
	if b.other == nil {
		b.probed[k] = append(b.probed[k], time.Now())
	}
}

func (b *backends) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now--
}

// answer is what comes of a probe, and after how long.
func (b *backends) answer(k Key) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hang[k] {
		return time.Hour, nil
	}
	return time.Millisecond, b.errors[k]
}

func (b *backends) set(k Key, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errors[k] = err
}

func (b *backends) setHang(k Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hang[k] = true
}

// times are when each backend was probed.
func (b *backends) times() map[Key][]time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	copied := map[Key][]time.Time{}
	for k, times := range b.probed {
		copied[k] = slices.Clone(times)
	}
	return copied
}

// total is how many probes there have been.
func (b *backends) total() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all
}

// load is how many probes are under way now, and were at most.
func (b *backends) load() (now, most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.most
}

// bubble runs a test with a clock of its own that stands still while something
// runs, and a running Checker of the backends.
func bubble(t *testing.T, test func(*testing.T, *Checker, *backends)) {
	synctest.Test(t, func(t *testing.T) {
		b := &backends{errors: map[Key]error{}, hang: map[Key]bool{}, probed: map[Key][]time.Time{}}
		c := New(slog.New(slog.NewTextHandler(io.Discard, nil)))
		c.probe = b.probe
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() {
			if err := c.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		test(t, c, b)
		cancel()
		run.Wait()
	})
}

// after sleeps and lets what is due then be done.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func key(n int) Key {
	return Key{"web", netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})}
}

func check(n int) Check {
	return Check{Key: key(n), Type: "tcp", Target: netip.AddrPortFrom(key(n).Address, 80),
		Interval: 10 * time.Second, Timeout: time.Second, Grace: 20 * time.Second, Rise: 2, Fall: 3}
}

// wantStatus waits for nothing.
func wantStatus(t *testing.T, c *Checker, n int, want Status) {
	t.Helper()
	if got, ok := c.View()[key(n)]; got != want || !ok {
		t.Errorf("%v is %v (in the view: %v), want %v", key(n), got, ok, want)
	}
	if got := c.Last()[key(n)].Status; got != want {
		t.Errorf("%v is %v in Last, want %v", key(n), got, want)
	}
}

// changed says whether a change has been told of.
func changed(c *Checker) bool {
	select {
	case <-c.Changes():
		return true
	default:
		return false
	}
}

var errRefused = errors.New("connection refused")
