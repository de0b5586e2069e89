// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
)

// many is 10,000 services of 10 backends.
const many = 100_000

// silent is a connection that never says anything, and on which that is no
// problem.
type silent struct{ net.Conn }

func (silent) Close() error                { return nil }
func (silent) SetDeadline(time.Time) error { return nil }

// TestScale checks 100,000 backends of which one in a hundred hangs, and counts
// what is dialled.
func TestScale(t *testing.T) {
	bubble(t, func(t *testing.T, c *Checker, b *backends) {
		c.limit = 512
		b.other = prober{dial: func(ctx context.Context, check Check) (net.Conn, error) {
			if n := check.Key.Address.As4(); n[3] == 7 && n[2]&1 == 0 {
				<-ctx.Done()
				return nil, errors.New("no answer")
			}
			return silent{}, nil
		}}.probe
		checks := make([]Check, many)
		for i := range checks {
			checks[i] = check(i)
		}
		c.Set(checks, nil)
		after(5 * time.Second)
		goroutines := runtime.NumGoroutine()
		count := map[Status]int{}
		for _, status := range c.View() {
			count[status]++
		}
		if hung := many/512 + 1; count[Up] != many-hung || count[Down] != hung {
			t.Errorf("after their first probes %v of %d are up and down, want %d down", count, many, hung)
		}
		if limit := 512 + 20; goroutines > limit {
			t.Errorf("%d goroutines", goroutines)
		}

		rates := make([]int, 14)
		for i := range rates {
			before := b.total()
			after(time.Second)
			rates[i] = b.total() - before
		}
		for i, rate := range rates[8:] { // the second probes have spread them
			if rate < many/10*8/10 || rate > many/10*12/10 {
				t.Errorf("%d probes in second %d, want about %d", rate, i+8, many/10)
			}
		}
		if _, most := b.load(); most > c.limit {
			t.Errorf("%d probes at once, with a limit of %d", most, c.limit)
		}
	})
}

// BenchmarkView is what a flip of one backend in 100,000 costs its reader.
func BenchmarkView(b *testing.B) {
	c := New(nil)
	checks := make([]Check, many)
	for i := range checks {
		checks[i] = check(i)
	}
	c.Set(checks, nil)
	for b.Loop() {
		c.flip(c.targets[key(1)])
		c.View()
	}
}

// BenchmarkSet is what a reload that changes nothing costs.
func BenchmarkSet(b *testing.B) {
	c := New(nil)
	checks := make([]Check, many)
	for i := range checks {
		checks[i] = check(i)
	}
	for b.Loop() {
		c.Set(checks, nil)
	}
}
