// SPDX-License-Identifier: Apache-2.0

package health

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"clearway/internal/testkit"
)

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

// TestSetTwice: of several checks of one key the first counts, and the others
// leave nothing behind.
func TestSetTwice(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		second := check(1)
		second.Fall = 1
		for range 2 {
			c.Set([]Check{check(1), second}, nil)
			after(30 * time.Second)
			c.mu.Lock()
			if n := c.running + len(c.probes.entries); n != 1 || c.targets[key(1)].check != check(1) {
				t.Errorf("%d probes are under way or wait, the check is %+v", n, c.targets[key(1)].check)
			}
			c.mu.Unlock()
		}
	})
}

// TestSetKeepsDampening: a reload doesn't forgive a backend that flaps.
func TestSetKeepsDampening(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		ch := check(1)
		ch.Fall, ch.Rise = 1, 1
		c.Set([]Check{ch}, nil)
		after(30 * time.Second)
		for _, missing := range []int{1, 2, 4} {
			b.set(key(1), errRefused)
			after(12 * time.Second)
			before := c.Last()[key(1)]
			if before.Missing != missing {
				t.Errorf("%d successes are missing, want %d", before.Missing, missing)
			}
			ch.Timeout -= time.Millisecond
			c.Set([]Check{ch}, nil)
			if now := c.Last()[key(1)]; now != before {
				t.Errorf("the change of a check made %+v of %+v", now, before)
			}
			b.set(key(1), nil)
			after(time.Minute)
			wantStatus(t, c, 1, Up)
			ch.Timeout -= time.Millisecond
			c.Set([]Check{ch}, nil)
		}
	})
}

// TestSetWhileFull: when what waited for a probe under way is taken out, what is
// due later still gets its turn.
func TestSetWhileFull(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		c.limit = 1
		c.Set([]Check{check(1)}, nil)
		after(30 * time.Second)
		b.setHang(key(2))
		c.Set([]Check{check(1), check(2), check(3)}, nil)
		synctest.Wait() // 2 and 3 are due, in either order
		c.Set([]Check{check(1)}, nil)
		n := len(b.times()[key(1)])
		after(time.Minute)
		if more := len(b.times()[key(1)]) - n; more < 5 {
			t.Errorf("probed %d times in a minute", more)
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

// TestViews: through random changes of checks and backends a view says what Last
// says, and one that was given out stays as it was.
func TestViews(t *testing.T) {
	r := testkit.Rand(t)
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		type given struct{ view, then View }
		var views []given
		for step := range 300 {
			if r.IntN(5) == 0 {
				var checks []Check
				for i := range 20 {
					ch := check(i)
					ch.Rise, ch.Fall = 1+r.IntN(2), 1
					if r.IntN(4) > 0 {
						checks = append(checks, ch)
					}
				}
				c.Set(checks, View{key(1): Down})
			}
			var result error
			if r.IntN(2) == 0 {
				result = errRefused
			}
			b.set(key(r.IntN(20)), result)
			if r.IntN(3) > 0 {
				after(time.Duration(r.IntN(8)) * time.Second)
			}
			view := c.View()
			want := View{}
			for k, last := range c.Last() {
				want[k] = last.Status
			}
			if !maps.Equal(view, want) {
				t.Fatalf("step %d: the view is\n%v, want\n%v", step, view, want)
			}
			views = append(views, given{view, maps.Clone(view)})
		}
		for i, v := range views {
			if !maps.Equal(v.view, v.then) {
				t.Errorf("the view of step %d has changed", i)
			}
		}
	})
}
