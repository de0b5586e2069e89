// SPDX-License-Identifier: Apache-2.0

package dataplane

// hopBits are the flags of a backend that go with its next hop. The others are
// changed in place.
const hopBits = uint16(pipelineBackendBitBACKEND_RESOLVED)

// backendWrites are the records to write, by how careful that must be.
type backendWrites struct {
	hide  batch[uint32, pipelineBackend] // the old record, not resolved
	hop   batch[uint32, pipelineBackend] // the new record, not resolved
	final batch[uint32, pipelineBackend]
}

// writeBackends writes the records that differ. Where a packet may be reading a
// next hop, it must not see half of another one: first all are told not to look
// at it, and when none does any more it is changed.
func (g *generation) writeBackends(t *transaction, have, want *registry) error {
	var w backendWrites
	for old, r := range want.changes(have) {
		if r == nil {
			continue
		}
		var former []member // in the region of r
		if old != nil && old.record.First == r.record.First {
			former = old.members
		}
		for i := range max(len(r.members), len(former)) {
			w.add(r.record.First+uint32(i), recordAt(r.members, i), recordAt(former, i))
		}
	}
	m := g.maps("backends")
	return firstError(
		func() error { return w.hide.put(t, m, "hiding next hops") },
		func() error { return waitAfter(t, len(w.hide.keys)) },
		func() error { return w.hop.put(t, m, "next hops") },
		func() error { return waitAfter(t, len(w.hop.keys)) },
		func() error { return w.final.put(t, m, "backends") },
	)
}

// recordAt is the record under a local index; none beyond the last.
func recordAt(members []member, i int) (record pipelineBackend) {
	if i < len(members) {
		record = members[i].record
	}
	return record
}

func waitAfter(t *transaction, writes int) error {
	if writes == 0 {
		return nil
	}
	return t.do("waiting for packets on their way", gracePeriod, gracePeriod)
}

func (w *backendWrites) add(key uint32, record, old pipelineBackend) {
	if record == old {
		return
	}
	var none pipelineBackend
	if old != none && record != none && !sameHop(record, old) {
		hidden, unresolved := old, record
		hidden.Flags &^= hopBits
		unresolved.Flags &^= hopBits
		if hidden != old {
			w.hide.add(key, hidden, old)
		}
		w.hop.add(key, unresolved, hidden)
		old = unresolved
		if record == old {
			return
		}
	}
	w.final.add(key, record, old)
}

// sameHop tells whether what the programs read of a resolved backend is the same.
func sameHop(a, b pipelineBackend) bool {
	for _, r := range []*pipelineBackend{&a, &b} {
		r.Flags &= hopBits
		r.Weight, r.State, r.Order = 0, 0, 0
	}
	return a == b
}

// clearRegions empties those that no service has any more.
func (g *generation) clearRegions(t *transaction, have, want *registry) error {
	var b batch[uint32, pipelineBackend]
	for old, r := range want.changes(have) {
		if old == nil || r != nil && r.record.First == old.record.First {
			continue
		}
		for i, m := range old.members {
			if m.record != (pipelineBackend{}) {
				b.add(old.record.First+uint32(i), pipelineBackend{}, m.record)
			}
		}
	}
	return b.put(t, g.maps("backends"), "clearing backends")
}
