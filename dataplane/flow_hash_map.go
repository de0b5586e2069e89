// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// flowHashMap is a map that has a record under the key of its flow.
type flowHashMap struct{ *ebpf.Map }

func (m flowHashMap) each(yield func(pipelineFlowKey, pipelineFlow)) error {
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

// prune reads each that was dead again right before it goes: it can't be deleted
// only as it was.
func (m flowHashMap) prune(dead func(pipelineFlowKey, pipelineFlow) bool) error {
	var keys []pipelineFlowKey
	err := m.each(func(key pipelineFlowKey, f pipelineFlow) {
		if dead(key, f) {
			keys = append(keys, key)
		}
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		f, found, err := m.find(key)
		if err == nil && found && dead(key, f) {
			err = m.Delete(key)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("deleting a flow record: %w", err)
		}
	}
	return nil
}

func (m flowHashMap) find(key pipelineFlowKey) (f pipelineFlow, found bool, err error) {
	switch err := m.Lookup(key, &f); {
	case errors.Is(err, ebpf.ErrKeyNotExist):
		return f, false, nil
	case err != nil:
		return f, false, fmt.Errorf("reading a flow record: %w", err)
	}
	return f, true, nil
}

func (m flowHashMap) add(key pipelineFlowKey, f pipelineFlow) (full bool, err error) {
	switch err := m.Update(key, f, ebpf.UpdateNoExist); {
	case errors.Is(err, unix.E2BIG):
		return true, nil
	case err != nil && !errors.Is(err, ebpf.ErrKeyExist):
		return false, fmt.Errorf("adding a flow record: %w", err)
	}
	return false, nil
}
