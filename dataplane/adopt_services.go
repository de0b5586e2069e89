// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// presentRegistry is what a change goes on from: that of the live generation, or
// what a former process left.
func (d *Dataplane) presentRegistry() (registry, error) {
	g, err := d.shownRegistry()
	if errors.Is(err, errLayout) {
		return g, fmt.Errorf("from version %s to %s: %w", d.manifest.Version, d.version, err)
	}
	if err != nil || d.gen != nil || len(g.services) == 0 {
		return g, err
	}
	for _, name := range flowMaps {
		err := d.withFormer(name, func(m *ebpf.Map) error { return g.reserve(m, uint32(d.manifest.Sizes.Services)) })
		if err != nil {
			return g, err
		}
	}
	return g, nil
}

// reserve keeps numbers that flow records name from being given on: a process may
// have been killed before it came to note whose they were. ids is how many ids
// there are.
func (g *registry) reserve(flows *ebpf.Map, ids uint32) error {
	services := g.byID()
	return eachFlow(flows, func(key pipelineFlowKey, f pipelineFlow) {
		r := services[key.Service]
		if r == nil && key.Service < ids {
			g.retire(key.Service)
		}
		if r == nil || f.Backend > MaxServiceBackends {
			return
		}
		r.members = append(r.members, make([]member, max(0, int(f.Backend)+1-len(r.members)))...)
		if m := &r.members[f.Backend]; m.free() && f.Backend > 0 {
			m.removed = true
		}
	})
}

// kept is what a new generation for a state goes on from: nothing of the lane
// goes on where there are no services.
func (g *registry) kept(s State) registry {
	if len(s.Services) == 0 {
		return registry{}
	}
	return g.unplaced()
}
