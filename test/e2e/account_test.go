// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clearway/internal/control"
)

// account is what a router has counted, by interface and reason ("eth0
// forward"), and all that came in ("eth0 received").
type account map[string]control.Counter

func accountOf(s control.Status) account {
	a := account{}
	for _, i := range s.Interfaces {
		if i.State == control.Missing {
			continue
		}
		a[i.Name+" received"] = i.Received
		for reason, c := range i.Reasons {
			a[i.Name+" "+reason] = c
		}
	}
	return a
}

// minus returns what was counted since before.
func (a account) minus(before account) account {
	d := account{}
	for key, c := range a {
		c.Packets -= before[key].Packets
		c.Bytes -= before[key].Bytes
		if c != (control.Counter{}) {
			d[key] = c
		}
	}
	return d
}

// unbalanced names the interfaces of which not every packet has a reason yet.
func (a account) unbalanced() []string {
	left := map[string]control.Counter{}
	for key, c := range a {
		name, reason, _ := strings.Cut(key, " ")
		sum := left[name]
		if reason != "received" {
			c.Packets, c.Bytes = -c.Packets, -c.Bytes
		}
		left[name] = control.Counter{Packets: sum.Packets + c.Packets, Bytes: sum.Bytes + c.Bytes}
	}
	maps.DeleteFunc(left, func(_ string, c control.Counter) bool { return c == control.Counter{} })
	return slices.Sorted(maps.Keys(left))
}

func (a account) String() string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(a)) {
		lines = append(lines, fmt.Sprintf("%s %d packets, %d bytes", key, a[key].Packets, a[key].Bytes))
	}
	return strings.Join(lines, "; ")
}

// settled returns the account of some interfaces once all that came in there
// has a reason. Their traffic must have ended.
func (r *router) settled(interfaces ...string) account {
	r.t.Helper()
	var a account
	r.within(patience, func() error {
		a = accountOf(r.status())
		maps.DeleteFunc(a, func(key string, _ control.Counter) bool {
			name, _, _ := strings.Cut(key, " ")
			return !slices.Contains(interfaces, name)
		})
		if open := a.unbalanced(); len(open) > 0 {
			return fmt.Errorf("%v: packets without a reason: %v", open, a)
		}
		return nil
	})
	return a
}

// checkAccount fails if anything counts less than when it was called last.
func (r *router) checkAccount() {
	r.t.Helper()
	status := r.status()
	now := accountOf(status)
	for key, was := range r.seen {
		name, _, _ := strings.Cut(key, " ")
		attached := slices.ContainsFunc(status.Interfaces, func(i control.Interface) bool {
			return i.Name == name && i.State == control.Attached
		})
		if is := now[key]; attached && (is.Packets < was.Packets || is.Bytes < was.Bytes) {
			r.t.Errorf("%s went back from %v to %v", key, was, is)
		}
	}
	maps.Copy(r.seen, now)
}

// within tries until fn returns nil, at most for limit. It fails the test with
// what fn returned last.
func (r *router) within(limit time.Duration, fn func() error) {
	r.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := fn()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("after %v: %v", limit, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
