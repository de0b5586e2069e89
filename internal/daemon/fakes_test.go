// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"maps"
	"sync"

	"clearway/dataplane"
	"clearway/internal/health"
)

// fakeHealth finds what it is told to. As the real one it starts with what is
// known, and says nothing of what Set brought about.
type fakeHealth struct {
	mu      sync.Mutex
	checks  []health.Check
	sets    int
	view    health.View
	changes chan struct{}
	running bool
}

func newFakeHealth() *fakeHealth { return &fakeHealth{changes: make(chan struct{}, 1)} }

func (h *fakeHealth) Set(checks []health.Check, known health.View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	view := health.View{}
	for _, c := range checks {
		status, checked := h.view[c.Key]
		if !checked {
			status = known[c.Key]
		}
		view[c.Key] = status
	}
	h.checks, h.view, h.sets = checks, view, h.sets+1
}

func (h *fakeHealth) Run(ctx context.Context) error {
	h.mu.Lock()
	h.running = true
	h.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (h *fakeHealth) View() health.View {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.view
}

func (h *fakeHealth) Changes() <-chan struct{} { return h.changes }

func (h *fakeHealth) Last() map[health.Key]health.Result {
	results := make(map[health.Key]health.Result)
	for key, status := range h.View() {
		results[key] = health.Result{Status: status}
	}
	return results
}

// find changes the status of backends and says so.
func (h *fakeHealth) find(found health.View) {
	h.mu.Lock()
	h.view = maps.Clone(h.view)
	maps.Copy(h.view, found)
	h.mu.Unlock()
	h.changes <- struct{}{}
}

// fakeProber notes what it was given.
type fakeProber struct {
	mu      sync.Mutex
	missing error // why there is none
	fail    error
	targets map[uint32]dataplane.ProbeTarget
	devices []int
	closed  bool
}

func (p *fakeProber) Set(targets map[uint32]dataplane.ProbeTarget, devices []int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets, p.devices = targets, devices
	return p.fail
}

func (p *fakeProber) Close() error {
	p.closed = true
	return nil
}
