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
	"syscall"
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
}

func (b *backends) probe(ctx context.Context, c Check) error {
	b.mu.Lock()
	b.probed[c.Key] = append(b.probed[c.Key], time.Now())
	b.now++
	b.most = max(b.most, b.now)
	err, wait := b.errors[c.Key], time.Millisecond
	if b.hang[c.Key] {
		err, wait = errors.New("no answer"), time.Hour
	}
	b.mu.Unlock()
	select {
	case <-ctx.Done():
		err = errors.New("no answer")
	case <-time.After(wait):
	}
	b.mu.Lock()
	b.now--
	b.mu.Unlock()
	return err
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

func TestUnknownIsProbedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		b.set(key(2), errRefused)
		c.Set([]Check{check(1), check(2)}, nil)
		wantStatus(t, c, 1, Unknown)
		after(2 * time.Millisecond)
		wantStatus(t, c, 1, Up)
		wantStatus(t, c, 2, Down)
		if !changed(c) || changed(c) {
			t.Error("two changes were not told as one")
		}
		r := c.Last()[key(2)]
		if r.Error != "connection refused" || r.Took != time.Millisecond || r.Missing != 2 || time.Since(r.Since) != time.Millisecond {
			t.Errorf("last is %+v", r)
		}
	})
}

func TestFallGraceAndReturn(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		ch := check(1)
		ch.Fall, ch.Rise = 1, 1
		c.Set([]Check{ch}, nil)
		after(time.Minute)
		wantStatus(t, c, 1, Up)
		before := c.View()
		changed(c)

		b.set(key(1), errRefused)
		after(11*time.Second + time.Millisecond)
		wantStatus(t, c, 1, Down)
		if !changed(c) {
			t.Error("the fall was not told")
		}
		if before[key(1)] != Up {
			t.Error("a view that was given out has changed")
		}
		down := c.Last()[key(1)].Since
		after(time.Until(down.Add(ch.Grace - 1)))
		wantStatus(t, c, 1, Down)
		if changed(c) {
			t.Error("a change was told that is none")
		}
		after(1)
		wantStatus(t, c, 1, Gone)
		if !changed(c) {
			t.Error("the end of the grace was not told")
		}
		if since := c.Last()[key(1)].Since; since != down.Add(ch.Grace) {
			t.Errorf("gone since %v, want %v", since, down.Add(ch.Grace))
		}

		b.set(key(1), nil)
		after(11*time.Second + time.Millisecond)
		wantStatus(t, c, 1, Up)
		if r := c.Last()[key(1)]; r.Error != "" || r.Missing != 0 {
			t.Errorf("of one that is up again, last is %+v", r)
		}
		after(time.Minute)
		wantStatus(t, c, 1, Up) // the grace that was cut short must not end later
	})
}

func TestReturnWithinGrace(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		ch := check(1)
		ch.Fall, ch.Rise = 1, 1
		b.set(key(1), errRefused)
		c.Set([]Check{ch}, nil)
		after(2 * time.Millisecond)
		wantStatus(t, c, 1, Down)
		b.set(key(1), nil)
		after(11 * time.Second)
		wantStatus(t, c, 1, Up)
		after(ch.Grace)
		wantStatus(t, c, 1, Up)
	})
}

// TestJitter: the pauses between probes are within 10 % of the interval and
// differ, but for that before the second probe, which spreads them.
func TestJitter(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		const n = 200
		var checks []Check
		for i := range n {
			checks = append(checks, check(i))
		}
		c.Set(checks, nil)
		after(200 * time.Second)
		var early, shorter int
		for _, times := range b.times() {
			second := times[1].Sub(times[0])
			if second > check(0).Interval {
				t.Errorf("the second probe came after %v", second)
			}
			if second < check(0).Interval/2 {
				early++
			}
			for i, at := range times[2:] {
				pause := at.Sub(times[i+1])
				if pause < 9*time.Second || pause > 11*time.Second {
					t.Errorf("a pause of %v", pause)
				}
				if pause < 10*time.Second {
					shorter++
				}
			}
		}
		// Each of 200 with probability 1/2: beyond 6 standard deviations.
		if early < 58 || early > 142 {
			t.Errorf("%d of %d second probes came in the first half of the interval", early, n)
		}
		if shorter == 0 || shorter > 19*n-1 {
			t.Errorf("%d pauses were shorter than the interval", shorter)
		}
	})
}

func TestHangIsCutAtTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		b.setHang(key(1))
		c.limit = 1
		c.Set([]Check{check(1), check(2)}, nil)
		after(time.Second + 2*time.Millisecond) // whichever was first
		wantStatus(t, c, 1, Down)
		wantStatus(t, c, 2, Up)
		if took := c.Last()[key(1)].Took; took != time.Second {
			t.Errorf("a probe that hangs took %v", took)
		}
		if _, most := b.load(); most != 1 {
			t.Errorf("%d probes at once, with a limit of 1", most)
		}
	})
}

func TestLimitHoldsNoGrace(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		first, slow := check(1), check(2)
		first.Grace = 500 * time.Millisecond
		slow.Timeout = 5 * time.Second
		b.set(key(1), errRefused)
		b.setHang(key(2))
		c.limit = 1
		c.Set([]Check{first}, nil)
		after(2 * time.Millisecond)
		c.Set([]Check{first, slow, check(3)}, nil)
		after(500 * time.Millisecond)
		wantStatus(t, c, 1, Gone)
		after(5 * time.Second)
		wantStatus(t, c, 3, Up)
	})
}

func TestSet(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		c.Set([]Check{check(1), check(2), check(3), check(4)}, nil)
		after(25 * time.Second) // beyond the second probe, which spreads
		changed(c)
		before := b.times()[key(1)]
		for i := 1; i <= 4; i++ {
			b.set(key(i), errRefused)
		}
		other := check(2)
		other.Interval, other.Fall = 2*time.Second, 1
		c.Set([]Check{check(1), other, check(4), check(4)}, View{key(1): Gone}) // known is not asked for what goes on
		synctest.Wait()
		wantStatus(t, c, 1, Up)
		wantStatus(t, c, 2, Up)
		if _, there := c.View()[key(3)]; there || len(c.View()) != 3 || len(c.Last()) != 3 {
			t.Errorf("the view is %v", c.View())
		}
		if changed(c) {
			t.Error("Set told of a change itself")
		}
		after(2*time.Second + time.Millisecond)
		wantStatus(t, c, 2, Down) // by its new Fall, and soon
		last := before[len(before)-1]
		after(time.Until(last.Add(11*time.Second + time.Millisecond)))
		if n := len(b.times()[key(1)]); n != len(before)+1 {
			t.Errorf("what goes on was probed %d times since its last probe, want once", n-len(before))
		}
		n := len(b.times()[key(3)])
		after(time.Minute)
		wantStatus(t, c, 1, Gone)
		if len(b.times()[key(3)]) != n {
			t.Error("a backend that was taken out is still probed")
		}
	})
}

// TestSetUnderProbe: a result that comes after its check was changed or taken
// out counts for nothing.
func TestSetUnderProbe(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		b.setHang(key(1))
		b.setHang(key(2))
		c.Set([]Check{check(1), check(2)}, View{key(2): Up})
		synctest.Wait()
		changedCheck := check(1)
		changedCheck.Timeout = 3 * time.Second
		c.Set([]Check{changedCheck}, nil)
		after(time.Second + time.Millisecond)
		wantStatus(t, c, 1, Unknown) // the probe of old has failed by now
		if changed(c) {
			t.Error("a result of a former check was told")
		}
		after(2 * time.Second)
		wantStatus(t, c, 1, Down)
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := c.running + len(c.probes.entries); n != 1 {
			t.Errorf("%d probes are under way or wait for their time", n)
		}
	})
}

// TestKnown: a restart changes nothing by itself, and one failure after it no
// more than otherwise.
func TestKnown(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		var checks []Check
		known := View{}
		for i := range 200 {
			checks = append(checks, check(i))
			known[key(i)] = Up
		}
		known[key(1)], known[key(2)] = Down, Gone
		b.set(key(0), errRefused)
		c.Set(checks, known)
		synctest.Wait()
		wantStatus(t, c, 1, Down)
		wantStatus(t, c, 2, Gone)
		if n := len(b.times()); n > 20 {
			t.Errorf("%d of 200 known backends were probed at once", n)
		}
		after(soon + time.Millisecond)
		if n := len(b.times()); n != 200 {
			t.Errorf("%d of 200 known backends were probed soon", n)
		}
		wantStatus(t, c, 0, Up) // has failed once or twice
		after(20 * time.Second)
		if c.View()[key(0)] == Up {
			t.Error("three failures or more did not take a known backend down")
		}
		wantStatus(t, c, 1, Up)
		wantStatus(t, c, 2, Up)
	})
}

func TestKnownDownGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		b.set(key(1), errRefused)
		c.Set([]Check{check(1)}, View{key(1): Down})
		after(check(1).Grace - 1)
		wantStatus(t, c, 1, Down)
		after(1)
		wantStatus(t, c, 1, Gone)
	})
}

// TestOwnTrouble: what is no result changes no status.
func TestOwnTrouble(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		b.set(key(1), &ownError{syscall.EMFILE})
		b.set(key(2), &ownError{syscall.EMFILE})
		c.Set([]Check{check(1), check(2)}, View{key(2): Up})
		after(2 * time.Minute)
		wantStatus(t, c, 1, Unknown)
		wantStatus(t, c, 2, Up)
		if e := c.Last()[key(1)].Error; e != "too many open files" {
			t.Errorf("the error is %q", e)
		}
		if n := len(b.times()[key(1)]); n < 11 {
			t.Errorf("probed %d times in two minutes", n)
		}
		b.set(key(1), nil)
		after(12 * time.Second)
		wantStatus(t, c, 1, Up)
	})
}

// TestRunEnds: probes under way are cut, count for nothing, and leave nothing
// behind: otherwise the bubble would not end.
func TestRunEnds(t *testing.T) {
	var c *Checker
	var b *backends
	bubble(t, func(t *testing.T, checker *Checker, world *backends) {
		c, b = checker, world
		b.setHang(key(1))
		c.Set([]Check{check(1)}, nil)
		after(time.Millisecond)
		if now, _ := b.load(); now != 1 {
			t.Fatalf("%d probes under way", now)
		}
	})
	if now, _ := b.load(); now != 0 || c.View()[key(1)] != Unknown {
		t.Errorf("%d probes under way, the backend is %v", now, c.View()[key(1)])
	}
}
