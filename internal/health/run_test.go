// SPDX-License-Identifier: Apache-2.0

package health

import (
	"syscall"
	"testing"
	"time"
)

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

// TestHandshakesCostMore: of https eight times fewer are under way at once.
func TestHandshakesCostMore(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		c.limit = 3*costTLS + 1
		var checks []Check
		for i := range 20 {
			ch := check(i)
			ch.Type = "https"
			checks = append(checks, ch)
		}
		c.Set(checks, nil)
		after(7 * time.Millisecond) // 20 in threes take seven times a millisecond
		if _, most := b.load(); most != 3 {
			t.Errorf("%d probes at once", most)
		}
		for i := range checks {
			wantStatus(t, c, i, Up)
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
