// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"clearway/internal/testkit"
)

// TestTake plays results, S for a success and f for a failure, one a second
// unless a number of seconds stands in between. What comes of each is U, D or G
// (up, down, gone).
func TestTake(t *testing.T) {
	rows := []struct {
		what       string
		known      Status
		rise, fall int
		grace      time.Duration
		results    string
		want       string
	}{
		{"the first success counts at once", Unknown, 3, 3, 10, "S", "U"},
		{"so does the first failure", Unknown, 3, 3, 10, "f", "D"},
		{"without a grace a fall is final", Unknown, 3, 3, 0, "f", "G"},
		{"after the first success fall counts", Unknown, 2, 3, 10, "S ff f", "U UU D"},
		{"a success in between starts the count again", Unknown, 2, 3, 10, "S ff S ff S fff", "U UU U UU U UUD"},
		{"after a fall rise counts", Unknown, 3, 1, 10, "f SS S", "D DD U"},
		{"a failure in between starts the count again", Unknown, 3, 1, 10, "f SS f SS S", "D DD D DD U"},
		{"what was known up falls like any", Up, 2, 3, 10, "ff f", "UU D"},
		{"what was known gone rises like any", Gone, 2, 3, 10, "S S", "G U"},
		{"one result each way", Unknown, 1, 1, 10, "SfSf", "UDUD"},

		{"falls soon after a return double rise, up to eight times", Up, 2, 1, 10,
			"f S S  f SSS S  f SSSSSSS S  f SSSSSSSSSSSSSSS S  f SSSSSSSSSSSSSSS S",
			"D D U  D DDD U  D DDDDDDD U  D DDDDDDDDDDDDDDD U  D DDDDDDDDDDDDDDD U"},
		{"a fall after five minutes counts as the first", Up, 2, 1, 10,
			"f SS f SSSS 299 f SSSS", "D DU D DDDU   D DUUU"},
		{"one just before doubles", Up, 2, 1, 10,
			"f SS f SSSS 298 f SSSSSSSS", "D DU D DDDU   D DDDDDDDU"},
		{"the fall of one that is new is no flapping", Unknown, 2, 1, 10, "S f S S", "U D D U"},
		{"a failure while held down costs what has been gained, no more", Up, 1, 1, 10,
			"f S f S f SS", "D U D D D DU"},
	}
	for _, row := range rows {
		t.Run(row.what, func(t *testing.T) {
			now := time.Unix(0, 0)
			target := newTarget(Check{Rise: row.rise, Fall: row.fall, Grace: row.grace}, row.known, now)
			var got strings.Builder
			for _, step := range strings.Fields(row.results) {
				var wait int
				if n, _ := fmt.Sscan(step, &wait); n == 1 {
					now = now.Add(time.Duration(wait) * time.Second)
					continue
				}
				for _, result := range step {
					now = now.Add(time.Second)
					before := target.status
					if changed := target.take(result == 'S', now); changed != (target.status != before) {
						t.Fatalf("take says %v when %v became %v", changed, before, target.status)
					}
					got.WriteByte("?UDG"[target.status])
				}
			}
			if want := strings.ReplaceAll(row.want, " ", ""); got.String() != want {
				t.Errorf("results %s\n got %s\nwant %s", row.results, got.String(), want)
			}
		})
	}
}

// TestTakeOracle compares take with a reading of the rules that looks at the
// whole history each time.
func TestTakeOracle(t *testing.T) {
	r := testkit.Rand(t)
	for range 300 {
		check := Check{Rise: 1 + r.IntN(4), Fall: 1 + r.IntN(4), Grace: time.Second}
		now := time.Unix(0, 0)
		target := newTarget(check, Unknown, now)
		var h history
		health := r.Float64()
		for step := range 200 {
			if r.IntN(20) == 0 {
				health = r.Float64() // from nearly always well to nearly always ill
			}
			now = now.Add(randomPause(r))
			ok := r.Float64() < health
			target.take(ok, now)
			h = append(h, past{ok, now})
			if want := h.status(check.Rise, check.Fall); target.status != want {
				t.Fatalf("rise %d, fall %d, result %d: %v, want %v\n%v", check.Rise, check.Fall, step, target.status, want, h)
			}
		}
	}
}

func randomPause(r *rand.Rand) time.Duration {
	if r.IntN(10) == 0 {
		return time.Duration(r.IntN(600)) * time.Second
	}
	return time.Second
}

type past struct {
	ok bool
	at time.Time
}

type history []past

// status finds each moment of change by looking for the first run of enough
// equal results after the one before.
func (h history) status(rise, fall int) Status {
	if !h[0].ok {
		return h[1:].down(rise, fall, 1)
	}
	return h[1:].up(rise, fall, 1, time.Time{})
}

// up is the status after h of a backend that came up before it: by a return at
// the time of since, if that isn't zero.
func (h history) up(rise, fall, times int, since time.Time) Status {
	i := h.firstRun(false, fall)
	if i < 0 {
		return Up
	}
	times *= 2
	if since.IsZero() || h[i].at.Sub(since) >= 5*time.Minute {
		times = 1
	}
	return h[i+1:].down(rise, fall, min(times, 8))
}

func (h history) down(rise, fall, times int) Status {
	i := h.firstRun(true, rise*times)
	if i < 0 {
		return Down
	}
	return h[i+1:].up(rise, fall, times, h[i].at)
}

// firstRun is where the first n results ok in a row end, or -1.
func (h history) firstRun(ok bool, n int) int {
	for end := n - 1; end < len(h); end++ {
		all := true
		for _, p := range h[end-n+1 : end+1] {
			all = all && p.ok == ok
		}
		if all {
			return end
		}
	}
	return -1
}
