// SPDX-License-Identifier: Apache-2.0

package tracking

// key tells a flow. Its hash chooses the slot.
type key uint32

func (k key) slot(size int) int {
	h := uint32(k) * 2654435769
	h ^= h >> 15
	h *= 2246822519
	return int(uint64(h^h>>13) * uint64(size) >> 32)
}

// flowTable is the map of records: it refuses one more when it is full. What is
// there already can always be written anew.
type flowTable struct {
	capacity int
	lru      bool // a mutant: makes room by giving up the one used least lately
	records  map[key]Flow
	used     map[key]int
	uses     int
}

func newFlowTable(capacity int) *flowTable {
	return &flowTable{capacity: capacity, records: map[key]Flow{}, used: map[key]int{}}
}

func (f *flowTable) find(k key) *Flow {
	r, ok := f.records[k]
	if !ok {
		return nil
	}
	f.touch(k)
	return &r
}

func (f *flowTable) write(k key, r Flow) bool {
	if _, ok := f.records[k]; !ok && len(f.records) >= f.capacity {
		if !f.lru {
			return false
		}
		f.evict()
	}
	f.records[k] = r
	f.touch(k)
	return true
}

func (f *flowTable) touch(k key) {
	if f.lru {
		f.uses++
		f.used[k] = f.uses
	}
}

func (f *flowTable) evict() {
	oldest, least := key(0), f.uses+1
	for k := range f.records {
		if f.used[k] < least {
			oldest, least = k, f.used[k]
		}
	}
	delete(f.records, oldest)
}

// datapath is what the kernel holds. It outlives a control.
type datapath struct {
	slots    []Slot
	backends Backends
	flows    *flowTable
	clock    Clock
	broken   mutant
}

// handle returns where a packet goes, and whether its record found no room.
func (d *datapath) handle(k key, p Packet) (to uint16, full bool) {
	s := d.slots[k.slot(len(d.slots))]
	var r *Flow
	if !s.Settled() {
		r = d.flows.find(k)
	}
	decision := d.mutate(Choose(s, p, r, d.backends, d.clock), s, p, r)
	if decision.Write && !d.flows.write(k, decision.Record) {
		return decision.Full, true
	}
	return decision.Backend, false
}

// mutate is wrong in the way that a mutant asks for.
func (d *datapath) mutate(is Decision, s Slot, p Packet, r *Flow) Decision {
	switch {
	case d.broken == startUnrecorded && p.Start && is.Choice == ChoiceNewCur:
		is.Write = false
	case d.broken == startBeforeInsert && p.Start:
		is.Full = is.Backend
	case d.broken == oldUnrecorded && is.Choice == ChoiceNewBase:
		is.Write = false
	case d.broken == deadNotOverwritten && is.Choice == ChoiceCur:
		is.Write = false
	case d.broken == startOnDraining && p.Start && r != nil && d.backends.are(r.Backend, Alive):
		return Decision{Choice: ChoiceRecord, Backend: r.Backend}
	case d.broken == resetRecorded && is.Choice == ChoiceBase:
		is.Write, is.Record, is.Full = true, newFlow(is.Backend, p, d.clock), is.Backend
	case d.broken == resetToCur && is.Choice == ChoiceBase:
		is.Backend = s.Cur()
	}
	return is
}
