// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"clearway/tracking"
)

const (
	flagInnerMap    = 0x1000 // BPF_F_INNER_MAP: inner maps may differ in size
	tableBlockSlots = 16     // TABLE_BLOCK_SLOTS in bpf/abi.h
	// tablesAtOnce bounds how many inner maps are open at a time.
	tablesAtOnce = 256
)

// tableEntry is what the outer map is to hold under a number: the inner map with
// an id, in place of a former one. 0 is the empty table.
type tableEntry struct {
	number     uint32
	id, former ebpf.MapID
	of         *registered // whose table is to be made; nil when it is taken away
}

// newTable makes an inner map of some slots.
func newTable(slots []tracking.Slot) (*ebpf.Map, error) {
	blocks := make([]pipelineTableBlock, max(1, (len(slots)+tableBlockSlots-1)/tableBlockSlots))
	for i, s := range slots {
		blocks[i/tableBlockSlots].Slot[i%tableBlockSlots] = uint32(s)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "table", Type: ebpf.Array, KeySize: 4, ValueSize: 4 * tableBlockSlots,
		MaxEntries: uint32(len(blocks)), Flags: flagInnerMap})
	if err != nil {
		return nil, advise("making a table", err)
	}
	keys := make([]uint32, len(blocks))
	for i := range keys {
		keys[i] = uint32(i)
	}
	if err := putAll(m, keys, blocks); err != nil {
		m.Close()
		return nil, fmt.Errorf("filling a table: %w", err)
	}
	return m, nil
}

// tablePin is where an inner map is pinned: under its id, which the outer map
// tells, so that no moment's kill can leave it under another's name.
func (r root) tablePin(generation int, id ebpf.MapID) string {
	return filepath.Join(r.tables(generation), strconv.Itoa(int(id)))
}

func (r root) tables(generation int) string {
	return filepath.Join(r.generation(generation), "tables")
}

// writeTables makes the tables that differ, and puts them in.
func (g *generation) writeTables(t *transaction, have, want *registry) error {
	var entries []tableEntry
	for old, r := range want.changes(have) {
		if r == nil {
			continue
		}
		var former ebpf.MapID
		if old.under(r.number) {
			former = old.tableID
		}
		switch {
		case former != 0 && old.table == r.table:
			r.tableID = former
		case r.table != nil || former != 0:
			r.tableID = 0
			entries = append(entries, tableEntry{number: r.number, former: former, of: r})
		}
	}
	for some := range slices.Chunk(entries, tablesAtOnce) {
		if err := g.writeSome(t, some); err != nil {
			return err
		}
	}
	return nil
}

func (g *generation) writeSome(t *transaction, entries []tableEntry) error {
	return t.do(fmt.Sprintf("tables (%d)", len(entries)), func() error {
		if err := g.makeTables(entries); err != nil {
			g.unpinTables(entries)
			return err
		}
		return nil
	}, func() error {
		err := g.pointTo(entries, func(e tableEntry) ebpf.MapID { return e.former })
		g.unpinTables(entries)
		return err
	})
}

// makeTables makes and pins the inner maps, and then points the outer one to
// them.
func (g *generation) makeTables(entries []tableEntry) error {
	for i := range entries {
		e, r := &entries[i], entries[i].of
		if r.table == nil {
			continue
		}
		m, err := newTable(r.table.Slots())
		if err != nil {
			return err
		}
		id, err := g.pinTable(m)
		m.Close()
		if err != nil {
			return fmt.Errorf("table of service %s: %w", r.Name, err)
		}
		r.tableID, e.id = id, id
	}
	return g.pointTo(entries, func(e tableEntry) ebpf.MapID { return e.id })
}

func (g *generation) pinTable(m *ebpf.Map) (ebpf.MapID, error) {
	info, err := m.Info()
	if err != nil {
		return 0, err
	}
	id, _ := info.ID()
	return id, wrap("pinning it", m.Pin(g.root.tablePin(g.number, id)))
}

// pointTo makes the outer map hold one of the two of each entry.
func (g *generation) pointTo(entries []tableEntry, id func(tableEntry) ebpf.MapID) error {
	empty, err := newTable(nil)
	if err != nil {
		return err
	}
	defer empty.Close()
	numbers, fds := make([]uint32, len(entries)), make([]uint32, len(entries))
	for i, e := range entries {
		numbers[i], fds[i] = e.number, uint32(empty.FD())
		if id(e) == 0 {
			continue
		}
		m, err := ebpf.LoadPinnedMap(g.root.tablePin(g.number, id(e)), nil)
		if err != nil {
			return advise("opening a table", err)
		}
		defer m.Close()
		fds[i] = uint32(m.FD())
	}
	return putAll(g.maps("tables"), numbers, fds)
}

// clearTables puts the empty table where no service is any more. To delete an
// entry takes as long as to write them all.
func (g *generation) clearTables(t *transaction, have, want *registry) error {
	var entries []tableEntry
	for old, r := range want.changes(have) {
		if old != nil && old.tableID != 0 && !r.under(old.number) {
			entries = append(entries, tableEntry{number: old.number, former: old.tableID})
		}
	}
	for some := range slices.Chunk(entries, tablesAtOnce) {
		err := t.do(fmt.Sprintf("clearing tables (%d)", len(some)),
			func() error { return g.pointTo(some, func(e tableEntry) ebpf.MapID { return e.id }) },
			func() error { return g.pointTo(some, func(e tableEntry) ebpf.MapID { return e.former }) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *generation) unpinTables(entries []tableEntry) {
	for _, e := range entries {
		if e.id != 0 {
			os.Remove(g.root.tablePin(g.number, e.id))
		}
	}
}

// dropTables takes away the tables that a change, now done, has replaced.
func (g *generation) dropTables(have, want *registry) error {
	var errs []error
	for old, r := range want.changes(have) {
		if old == nil || old.tableID == 0 || r != nil && r.tableID == old.tableID {
			continue
		}
		if err := os.Remove(g.root.tablePin(g.number, old.tableID)); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
