// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// transaction is a list of steps done, each with the way back.
type transaction struct {
	ctx  context.Context
	hook func(step string) error // fails steps on purpose; for tests
	back *ebpf.Program           // what ports run when it is taken back; nil if nothing
	undo []func() error
}

// do makes one step. undo may be nil where there is nothing to take back.
func (t *transaction) do(step string, do, undo func() error) error {
	if err := t.ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	if t.hook != nil {
		if err := t.hook(step); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	if undo != nil {
		t.undo = append(t.undo, undo)
	}
	return nil
}

// rollback takes all steps back, the last one first. It goes on when a step
// back fails.
func (t *transaction) rollback() error {
	var errs []error
	for i := len(t.undo) - 1; i >= 0; i-- {
		if err := t.undo[i](); err != nil {
			errs = append(errs, err)
		}
	}
	t.undo = nil
	return errors.Join(errs...)
}

// entry names the entries of a map for messages.
func entry(of string) func(key uint32) string {
	return func(key uint32) string { return fmt.Sprintf("%s[%d]", of, key) }
}

// setEntries writes the entries of want that differ from have.
func setEntries[K, V comparable](t *transaction, m *ebpf.Map, name func(key K) string, have, want map[K]V) error {
	for key, value := range want {
		old, was := have[key]
		if was && old == value {
			continue
		}
		err := t.do(name(key),
			func() error { return m.Put(key, value) },
			func() error { return putOrClear(m, key, old, was) })
		if err != nil {
			return err
		}
	}
	return nil
}

// clearEntries empties the entries of have that want lacks.
func clearEntries[K, V comparable](t *transaction, m *ebpf.Map, name func(key K) string, have, want map[K]V) error {
	for key, old := range have {
		if _, stays := want[key]; stays {
			continue
		}
		err := t.do("clearing "+name(key),
			func() error { return putOrClear(m, key, old, false) },
			func() error { return m.Put(key, old) })
		if err != nil {
			return err
		}
	}
	return nil
}

// putOrClear writes a value, or what an entry has that was never written.
func putOrClear[K, V comparable](m *ebpf.Map, key K, value V, set bool) error {
	if !set && (m.Type() == ebpf.DevMap || m.Type() == ebpf.Hash) {
		if err := m.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		return nil
	}
	var zero V
	if !set {
		value = zero
	}
	return m.Put(key, value)
}
