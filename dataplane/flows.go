// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// flowMaps hold the records of flows; which of them is told by how a service
// tracks.
var flowMaps = []string{"flows", "flows_lru"}

// eachFlow goes through the records of a map once, while programs change it: each
// that is there all the time comes up, once or several times.
func eachFlow(m *ebpf.Map, yield func(pipelineFlowKey, pipelineFlow)) error {
	keys, values := make([]pipelineFlowKey, batchSize), make([]pipelineFlow, batchSize)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("reading flow records: %w", err)
		}
		for i := range n {
			yield(keys[i], values[i])
		}
		if err != nil {
			return nil
		}
	}
}

// deleteFlows deletes those records that are dead still: the flow of one may have
// begun anew since it was looked at, so each is read again right before. One that
// is gone already is no error.
func deleteFlows(m *ebpf.Map, keys []pipelineFlowKey, dead func(pipelineFlowKey, pipelineFlow) bool) error {
	for _, key := range keys {
		var f pipelineFlow
		err := m.Lookup(key, &f)
		if err == nil && dead(key, f) {
			err = m.Delete(key)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("deleting flow records: %w", err)
		}
	}
	return nil
}

// copyFlows adds the records of one map to another, as far as there is room, and
// leaves alone those that it has.
func copyFlows(to, from *ebpf.Map) error {
	full := false
	var failed error
	err := eachFlow(from, func(key pipelineFlowKey, f pipelineFlow) {
		if full || failed != nil {
			return
		}
		switch err := to.Update(key, f, ebpf.UpdateNoExist); {
		case errors.Is(err, unix.E2BIG):
			full = true
		case err != nil && !errors.Is(err, ebpf.ErrKeyExist):
			failed = fmt.Errorf("copying flow records: %w", err)
		}
	})
	return errors.Join(err, failed)
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
