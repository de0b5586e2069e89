// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// backWay are the MACs of what goes to a backend.
func backWay() []byte { return slices.Concat(gatewayMAC[:], ingressMAC[:]) }

// blockSlots is BLOCK_SLOTS in tables.bpf.c.
const blockSlots = 16

// newBalancers loads the floors of balancers. They know one backend of each
// family.
func newBalancers() (*balancersObjects, error) {
	spec, variables, err := load[balancersVariableSpecs](loadBalancers)
	if err != nil {
		return nil, err
	}
	tunnel4 := make([]byte, 2*16)
	copy(tunnel4, outerSource4.Addr().AsSlice())
	copy(tunnel4[16:], backends4[0].AsSlice())
	err = errors.Join(
		variables.Gateway.Set(backWay()),
		variables.Tunnel4.Set(tunnel4),
		variables.Tunnel6.Set(slices.Concat(outerSource6.Addr().AsSlice(), backends6[0].AsSlice())),
	)
	if err != nil {
		return nil, fmt.Errorf("setting the fixed backends: %w", err)
	}
	objects := new(balancersObjects)
	if err := spec.LoadAndAssign(objects, nil); err != nil {
		return nil, fmt.Errorf("loading the floors of balancers: %w", err)
	}
	return objects, nil
}

// nesting is how the tables of services are kept apart.
type nesting struct {
	outer ebpf.MapType
	// equal says that the inner maps are equally large, in place of any size
	// (BPF_F_INNER_MAP): then the kernel compiles the look-up into the program.
	equal bool
}

// newTables loads the balancers that differ in the table only.
func newTables(n nesting) (*tablesObjects, error) {
	spec, variables, err := load[tablesVariableSpecs](loadTables)
	if err != nil {
		return nil, err
	}
	// The last of several, so that neither table is the first of its array.
	const last = 5
	err = errors.Join(
		variables.Gateway.Set(backWay()),
		variables.Source4.Set(outerSource4.Addr().As4()),
		variables.Service.Set(uint32(last)),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up the balancers of tables: %w", err)
	}
	spec.Maps["flat_slots"].MaxEntries = (last + 1) * tableSize
	spec.Maps["nested_slots"].MaxEntries = last + 1
	spec.Maps["nested_slots"].Type = n.outer
	inner := spec.Maps["nested_slots"].InnerMap
	inner.MaxEntries = (tableSize + blockSlots - 1) / blockSlots
	if n.equal {
		inner.Flags = 0
	}
	objects := new(tablesObjects)
	if err := spec.LoadAndAssign(objects, nil); err != nil {
		return nil, fmt.Errorf("loading the balancers of tables: %w", err)
	}
	if err := fillTables(objects, inner, last); err != nil {
		return nil, errors.Join(fmt.Errorf("filling the tables: %w", err), objects.Close())
	}
	return objects, nil
}

// fillTables writes the same table into both maps, as that of all services.
func fillTables(o *tablesObjects, inner *ebpf.MapSpec, last int) error {
	ring, err := newRing(backends4)
	if err != nil {
		return err
	}
	if err := fillArray(o.Backends, addressWords(backends4)); err != nil {
		return err
	}
	var flat []uint32
	for range last + 1 {
		flat = append(flat, ring...)
	}
	if err := fillArray(o.FlatSlots, flat); err != nil {
		return err
	}
	for number := range uint32(last + 1) {
		if err := addTable(o.NestedSlots, number, inner, ring); err != nil {
			return err
		}
	}
	return nil
}

// addTable makes an inner map of a ring.
func addTable(outer *ebpf.Map, number uint32, inner *ebpf.MapSpec, ring []uint32) (err error) {
	blocks := make([][blockSlots]uint32, inner.MaxEntries)
	for i, backend := range ring {
		blocks[i/blockSlots][i%blockSlots] = backend
	}
	table, err := ebpf.NewMap(inner)
	if err != nil {
		return err
	}
	// The outer map keeps it.
	defer func() { err = errors.Join(err, table.Close()) }()
	if err := fillArray(table, blocks); err != nil {
		return err
	}
	return outer.Put(number, table)
}
