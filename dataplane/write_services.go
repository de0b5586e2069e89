// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"iter"
)

// writeServices brings the services of want into the maps, in the order in which
// nothing points to what is not there yet: the prefix table comes after it.
func (g *generation) writeServices(t *transaction, have, want *image) error {
	h, w := &have.registry, &want.registry
	return firstError(
		func() error { return g.zeroCounters(t, w.fresh) },
		func() error { return g.writeNotes(t, h, w) },
		func() error { return g.writeBackends(t, h, w) },
		func() error { return g.writeTables(t, h, w) },
		func() error { return putNumbered(t, g.maps("services"), "services", h.numbers, w.numbers) },
		func() error { return putNumbered(t, g.maps("addresses"), "addresses", h.addresses, w.addresses) },
		func() error { return setEntries(t, g.maps("service_ports"), portEntryName, h.ports, w.ports) },
		func() error { return g.writeShared(t, have.balance, want.balance) },
		func() error { return g.waitOnTheWayBack(t, h, w) },
	)
}

// clearServices empties what want has no more. No packet is on its way to it any
// more when the prefix table and the tables have been changed for a grace period.
func (g *generation) clearServices(t *transaction, have, want *image) error {
	h, w := &have.registry, &want.registry
	if !w.leaves(h) {
		return nil
	}
	return firstError(
		func() error { return t.do("waiting for packets on their way", gracePeriod, nil) },
		func() error { return clearEntries(t, g.maps("service_ports"), portEntryName, h.ports, w.ports) },
		func() error { return clearNumbered(t, g.maps("addresses"), "addresses", h.addresses, w.addresses) },
		func() error { return clearNumbered(t, g.maps("services"), "services", h.numbers, w.numbers) },
		func() error { return g.clearTables(t, h, w) },
		func() error { return g.clearRegions(t, h, w) },
		func() error { return g.clearNotes(t, h, w) },
	)
}

// leaves tells whether something of have is not used by g any more.
func (g *registry) leaves(have *registry) bool {
	return lacks(g.numbers, have.numbers) || lacks(g.addresses, have.addresses) || lacks(g.ports, have.ports)
}

// lacks tells whether something of have is not in want.
func lacks[M ~map[K]uint32, K comparable](want, have M) bool {
	for k := range have {
		if _, stays := want[k]; !stays {
			return true
		}
	}
	return false
}

// waitOnTheWayBack sees to it that, should a change be taken back, nobody looks
// any more at what it wrote when that is emptied.
func (g *generation) waitOnTheWayBack(t *transaction, have, want *registry) error {
	if !have.leaves(want) {
		return nil
	}
	return t.do("services are there", func() error { return nil }, gracePeriod)
}

func portEntryName(key pipelineServicePortKey) string {
	return fmt.Sprintf("port %d of address[%d]", wirePort(key.Port), key.Address)
}

// changes are the services that are not the same in memory: what they were, and
// what they are to be; nil where there is none.
func (g *registry) changes(have *registry) iter.Seq2[*registered, *registered] {
	return func(yield func(old, r *registered) bool) {
		for name, r := range g.services {
			if old := have.services[name]; old != r && !yield(old, r) {
				return
			}
		}
		for name, old := range have.services {
			if g.services[name] == nil && !yield(old, nil) {
				return
			}
		}
	}
}

// under tells whether the service had this number.
func (r *registered) under(number uint32) bool { return r != nil && r.number == number }

func (g *generation) zeroCounters(t *transaction, f fresh) error {
	if len(f.ids)+len(f.counters) == 0 {
		return nil
	}
	return t.do("new counters", func() error {
		return firstError(
			func() error { return zeroAll[pipelineServiceCounters](g.maps("service_counters"), f.ids) },
			func() error { return zeroAll[pipelineCounter](g.maps("backend_counters"), f.counters) },
			func() error {
				return putAll(g.maps("service_sums"), f.ids, make([]pipelineServiceCounters, len(f.ids)))
			},
			func() error {
				return putAll(g.maps("backend_sums"), f.counters, make([]pipelineCounter, len(f.counters)))
			},
		)
	}, nil)
}

func (g *generation) writeNotes(t *transaction, have, want *registry) error {
	var b batch[uint32, pipelineServiceNote]
	for old, r := range want.changes(have) {
		var former pipelineServiceNote
		if r == nil {
			continue
		}
		if old.under(r.number) {
			former = old.note
		}
		if r.note != former {
			b.add(r.number, r.note, former)
		}
	}
	return b.put(t, g.maps("service_notes"), "service notes")
}

func (g *generation) clearNotes(t *transaction, have, want *registry) error {
	var b batch[uint32, pipelineServiceNote]
	for old, r := range want.changes(have) {
		if old != nil && (r == nil || !old.under(r.number)) {
			b.add(old.number, pipelineServiceNote{}, old.note)
		}
	}
	return b.put(t, g.maps("service_notes"), "clearing service notes")
}

func (g *generation) writeShared(t *transaction, have, want pipelineBalanceSettings) error {
	if have == want {
		return nil
	}
	m := g.maps(".data.balance")
	return t.do("balance settings", func() error { return m.Put(uint32(0), want) }, func() error { return m.Put(uint32(0), have) })
}
