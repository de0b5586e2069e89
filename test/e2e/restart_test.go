// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"clearway/internal/control"
	"clearway/internal/testkit"
	"clearway/internal/topo"
)

// The data path goes on without its daemon, and the next daemon takes it over.
func TestRestart(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			r := newDemoRouter(t)
			r.run(demo())
			r.underLoad(func() {
				for range 3 {
					r.stop(signal)
					time.Sleep(50 * time.Millisecond)
					r.start()
				}
			})
		})
	}
}

// So it does for IPv6, and in generic mode, which is too slow for the full load.
func TestRestartIPv6(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		t.Run(mode, func(t *testing.T) {
			r := newDemoRouter(t)
			c := demo()
			for i, name := range c.interfaces {
				c.interfaces[i] = name + ", mode: " + mode
			}
			r.run(c)
			f := r.flow(40_000)
			f.Source, f.Destination = netip.AddrPortFrom(topo.DemoClient6, 40000), netip.AddrPortFrom(topo.DemoServer16, 5000)
			flow, err := f.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				time.Sleep(50 * time.Millisecond)
				r.stop(signal)
				r.start()
			}
			report, err := flow.Stop()
			if err := errors.Join(err, report.Err()); err != nil {
				t.Error(err)
			}
			if counted := r.settled("eth0")["eth0 forward"]; counted.Packets != report.Sent {
				t.Errorf("counted %d packets, %d were sent", counted.Packets, report.Sent)
			}
		})
	}
}

// A daemon that is killed at any moment of a change leaves something that
// forwards, and that the next one can take over, whatever was done of the change
// and whatever of the next start.
func TestKilledMidApply(t *testing.T) {
	rnd := testkit.Rand(t)
	r := newDemoRouter(t)
	r.run(demo())
	r.killMidApply(rnd, 20, anySettings)
}

// So it is when the counters themselves must move to other maps.
func TestKilledMidResize(t *testing.T) {
	rnd := testkit.Rand(t)
	r := newDemoRouter(t)
	r.run(demo())
	r.killMidApply(rnd, 10, func(rnd *rand.Rand) settings {
		c := demo()
		c.limits = fmt.Sprintf("{interfaces: %d}", 3+rnd.IntN(10))
		return c
	})
}

// killMidApply kills the daemon under load, at random moments of reloads and
// starts.
func (r *router) killMidApply(rnd *rand.Rand, rounds int, next func(*rand.Rand) settings) {
	r.t.Helper()
	r.stop(syscall.SIGTERM)
	long := r.timed(r.start)
	r.t.Logf("a start takes %v", long)
	r.underLoad(func() {
		unanswered := 0
		for range rounds {
			if !r.killReload(next(rnd), anyMoment(rnd, long)) {
				unanswered++
			}
			if rnd.IntN(2) == 0 {
				r.write(next(rnd))
				r.killStart(anyMoment(rnd, long))
			}
			r.start()
		}
		r.t.Logf("%d of %d reloads were not over", unanswered, rounds)
		if unanswered == 0 {
			r.t.Error("all reloads were over when the daemon was killed")
		}
	})
}

func (r *router) timed(fn func()) time.Duration {
	start := time.Now()
	fn()
	return time.Since(start)
}

// anyMoment is before something that takes long is over, mostly.
func anyMoment(rnd *rand.Rand, long time.Duration) time.Duration {
	return time.Duration(rnd.Int64N(int64(long + long/4)))
}

// killReload kills the daemon a moment after it was asked to reload, and says
// whether it had answered.
func (r *router) killReload(c settings, after time.Duration) (answered bool) {
	r.t.Helper()
	r.write(c)
	text, err := os.ReadFile(r.path("clearway.yaml"))
	if err != nil {
		r.t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := r.client.Reload(r.t.Context(), control.ReloadRequest{File: text})
		answer <- err
	}()
	time.Sleep(after)
	r.stop(syscall.SIGKILL)
	return <-answer == nil
}

// killStart starts the daemon and kills it a moment later.
func (r *router) killStart(after time.Duration) {
	r.t.Helper()
	if err := r.launch(); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(after)
	r.stop(syscall.SIGKILL)
}

// anySettings are settings that differ from the demonstration's in anything that
// doesn't matter to the flow from the client to server1.
func anySettings(rnd *rand.Rand) settings {
	c := demo()
	for i := range rnd.IntN(200) {
		third := rnd.IntN(256)
		c.allow = append(c.allow, fmt.Sprintf("10.%d.%d.0/24", i, third))
		c.block = append(c.block, fmt.Sprintf("10.%d.%d.128/25", i, third))
	}
	if rnd.IntN(2) == 0 {
		c.interfaces = c.interfaces[:2]
	}
	if rnd.IntN(2) == 0 {
		c.forward = fmt.Sprintf("  mss-clamp: [{mss: %d}, {egress: eth2, mss: 1300}]\n", 1200+rnd.IntN(200))
	}
	if rnd.IntN(2) == 0 {
		c.limits = fmt.Sprintf("{l3-interfaces: %d, ifindex: %d}", 100+rnd.IntN(3), 1000+rnd.IntN(3))
	}
	return c
}
