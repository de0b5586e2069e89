// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"clearway/internal/control"
	"clearway/internal/testkit"
)

// history is a star to which anything happens in any order.
type history struct {
	*star
	settings settings
	rnd      *rand.Rand
	steps    []string // what has happened
}

// No sequence of changes, restarts and deaths of the daemon breaks a connection.
func TestAnyHistory(t *testing.T) {
	c := starSettings()
	c.servers = equal("s1", "s2", "s3", "s4", "s5", "s6")
	c.services = []service{ipip4In4, gue4In6, gue6In4, ipip4In6, l2Over6}
	rnd := testkit.Rand(t)
	s := newStar(t, c)
	s.crowd = s.newCrowd("client", rnd, 50, c.services)
	h := &history{star: s, settings: c, rnd: rnd}
	t.Cleanup(func() { t.Logf("what happened: %s", strings.Join(h.steps, ", ")) })
	for start := time.Now(); time.Since(start) < 10*time.Second && !t.Failed(); {
		h.step()
		if h.rnd.IntN(3) == 0 {
			s.crowd.everyone("after " + h.steps[len(h.steps)-1])
		}
	}
	s.crowd.everyone("at the end")
	s.nothingDropped()
}

// step is one thing that may happen. s6 always takes new flows.
func (h *history) step() {
	h.t.Helper()
	server := fmt.Sprintf("s%d", 1+h.rnd.IntN(5))
	switch h.rnd.IntN(8) {
	case 0:
		h.did("drain %s", server)
		h.order("drain", server)
	case 1:
		h.did("undrain %s", server)
		h.order("none", server)
	case 2:
		sick := !h.servers[server].sick.Load()
		h.did("%s sick: %v", server, sick)
		h.servers[server].sick.Store(sick)
	case 3, 4:
		h.change()
		h.reload(h.settings)
	case 5:
		h.change()
		h.killReload(time.Duration(h.rnd.IntN(60)) * time.Millisecond)
	default:
		signal := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[h.rnd.IntN(2)]
		h.did("%v", signal)
		h.stop(signal)
		h.start()
	}
}

func (h *history) did(format string, args ...any) {
	h.steps = append(h.steps, fmt.Sprintf(format, args...))
}

// change changes weights, the order of the servers, and perhaps sizes.
func (h *history) change() {
	c := &h.settings
	c.servers = []member{{"s6", 1}}
	for i := range 5 {
		c.servers = append(c.servers, member{fmt.Sprintf("s%d", i+1), h.rnd.IntN(4)})
	}
	h.rnd.Shuffle(len(c.servers), func(i, j int) { c.servers[i], c.servers[j] = c.servers[j], c.servers[i] })
	if h.rnd.IntN(4) == 0 {
		c.limits = fmt.Sprintf("{flows: 16384, services: %d}", 100+h.rnd.IntN(2))
	}
	if h.rnd.IntN(4) == 0 {
		c.size = []int{251, 509, 1021}[h.rnd.IntN(3)]
	}
	h.did("%v, limits %s, size %d", c.servers, c.limits, c.size)
}

// killReload kills the daemon a moment after it was asked to reload, and starts
// it anew.
func (h *history) killReload(after time.Duration) {
	h.t.Helper()
	h.write(h.settings)
	answer := make(chan error, 1)
	go func() {
		_, err := h.client.Reload(h.t.Context(), control.ReloadRequest{})
		answer <- err
	}()
	time.Sleep(after)
	h.stop(syscall.SIGKILL)
	h.did("killed after %v (%v)", after, <-answer)
	h.start()
}
