// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"os"
	"slices"

	"github.com/cilium/ebpf"
)

// flowMaps hold the records of flows; which of them is told by how a service
// tracks.
var flowMaps = []string{"flows", "flows_lru"}

// flowRecords are those in a map of them, while programs change it.
type flowRecords interface {
	// each goes through them once: each that is there all the time comes up, once
	// or several times.
	each(yield func(pipelineFlowKey, pipelineFlow)) error
	// prune goes through them likewise and deletes those that are dead. One whose
	// flow begins anew meanwhile comes up again, as it is then.
	prune(dead func(pipelineFlowKey, pipelineFlow) bool) error
	// add leaves a record alone that the flow has. Without room nothing is added:
	// full tells that no other record would find any.
	add(pipelineFlowKey, pipelineFlow) (full bool, err error)
}

// withFlows opens the records in m for as long as do takes.
func withFlows(m *ebpf.Map, do func(flowRecords) error) error {
	if m.Type() == ebpf.Array {
		return withFlowSets(m, func(s flowSets) error { return do(s) })
	}
	return do(flowHashMap{m})
}

func eachFlow(m *ebpf.Map, yield func(pipelineFlowKey, pipelineFlow)) error {
	return withFlows(m, func(r flowRecords) error { return r.each(yield) })
}

// copyFlows adds the records of one map to another, as far as there is room, and
// leaves alone those that it has.
func copyFlows(to, from *ebpf.Map) error {
	return withFlows(to, func(to flowRecords) error {
		var full bool
		var failed error
		err := eachFlow(from, func(key pipelineFlowKey, f pipelineFlow) {
			if !full && failed == nil {
				full, failed = to.add(key, f)
			}
		})
		return errors.Join(err, failed)
	})
}

// takeFlows copies the records that next does not share, before ports move to it.
// The way back copies those that came since.
func (d *Dataplane) takeFlows(t *transaction, next *successor, before former) error {
	for _, name := range flowMaps {
		if len(before.registry.services) == 0 || len(next.image.registry.services) == 0 || next.shares[name] {
			continue
		}
		to := next.gen.maps(name)
		err := t.do("copying "+name,
			func() error { return d.withFormer(name, func(m *ebpf.Map) error { return copyFlows(to, m) }) },
			func() error { return d.withFormer(name, func(m *ebpf.Map) error { return copyFlows(m, to) }) })
		if err != nil {
			return err
		}
	}
	return nil
}

// withFormer opens a map of the generation that the manifest names.
func (d *Dataplane) withFormer(name string, do func(*ebpf.Map) error) error {
	return d.root.withMap(d.manifest.Generation, name, do)
}

// followFlows copies the records that came while ports were moving, and those of
// generations that came to nothing with the process that made them.
func (d *Dataplane) followFlows(next *successor, before former) error {
	if len(before.registry.services) == 0 || len(next.image.registry.services) == 0 {
		return nil
	}
	for _, name := range flowMaps {
		to := next.gen.maps(name)
		copied := func(from *ebpf.Map) error { return copyFlows(to, from) }
		if !next.shares[name] {
			if err := d.withFormer(name, copied); err != nil {
				return err
			}
		}
		for _, tried := range d.manifest.Tried {
			if !slices.Contains(tried.Own, name) {
				continue
			}
			err := d.root.withMap(tried.Generation, name, copied)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
