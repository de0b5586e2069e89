// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// batchSize bounds what one system call carries.
const batchSize = 4096

// batch are entries of one map to write, with what they were before.
type batch[K, V any] struct {
	keys           []K
	values, former []V
}

func (b *batch[K, V]) add(key K, value, former V) {
	b.keys, b.values, b.former = append(b.keys, key), append(b.values, value), append(b.former, former)
}

// put writes the entries in one step.
func (b *batch[K, V]) put(t *transaction, m *ebpf.Map, what string) error {
	if len(b.keys) == 0 {
		return nil
	}
	return t.do(fmt.Sprintf("%s (%d)", what, len(b.keys)),
		func() error { return putAll(m, b.keys, b.values) },
		func() error { return putAll(m, b.keys, b.former) })
}

// putAll writes entries with few system calls.
func putAll[K, V any](m *ebpf.Map, keys []K, values []V) error {
	for start := 0; start < len(keys); start += batchSize {
		end := min(start+batchSize, len(keys))
		_, err := m.BatchUpdate(keys[start:end], values[start:end], nil)
		if errors.Is(err, ebpf.ErrNotSupported) { // maps of maps, before 5.14
			err = putEach(m, keys[start:end], values[start:end])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func putEach[K, V any](m *ebpf.Map, keys []K, values []V) error {
	for i, key := range keys {
		if err := m.Put(key, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// zeroAll sets entries of a per-CPU array to zero.
func zeroAll[V any](m *ebpf.Map, keys []uint32) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	for part := range slices.Chunk(keys, batchSize) {
		_, err := m.BatchUpdate(part, make([]V, len(part)*cpus), nil)
		if errors.Is(err, ebpf.ErrNotSupported) { // before 5.13
			err = zeroEach(m, part, make([]V, cpus))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func zeroEach[V any](m *ebpf.Map, keys []uint32, zeros []V) error {
	for _, key := range keys {
		if err := m.Put(key, zeros); err != nil {
			return err
		}
	}
	return nil
}

// putNumbered writes the records that have got a number.
func putNumbered[V comparable](t *transaction, m *ebpf.Map, what string, have, want numbering[V]) error {
	var b batch[uint32, V]
	var zero V
	for record, number := range want {
		if _, there := have[record]; !there {
			b.add(number, record, zero)
		}
	}
	return b.put(t, m, what)
}

// clearNumbered empties the numbers that nobody has any more.
func clearNumbered[V comparable](t *transaction, m *ebpf.Map, what string, have, want numbering[V]) error {
	var b batch[uint32, V]
	var zero V
	for record, number := range have {
		if _, stays := want[record]; !stays {
			b.add(number, zero, record)
		}
	}
	return b.put(t, m, "clearing "+what)
}
