// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"maps"
	"slices"
	"time"

	"clearway/maglev"
)

// advance is the work of making a registry the next one: what a state says, at a
// time. Services that stay as they are stay the same in memory.
type advance struct {
	state   State
	size    sizes
	now     time.Duration
	l3s     map[int]L3Interface // by ifindex
	devices numbering[int]
	builder maglev.Builder

	have, next    *registry
	ids, counters *allocator // made when they are needed
}

// advance works out the registry of a state. devices are the numbers that the
// devices of its L3 interfaces have.
func (g *registry) advance(s State, devices numbering[int], size sizes, now time.Duration) (*registry, error) {
	a := &advance{state: s, size: size, now: now, l3s: map[int]L3Interface{}, devices: devices, have: g,
		next: &registry{services: make(map[string]*registered, len(s.Services)), retired: maps.Clone(g.retired)}}
	for _, l := range s.L3 {
		a.l3s[l.Ifindex] = l
	}
	var changed []*registered
	for _, service := range s.Services {
		present := g.services[service.Name]
		if present != nil && a.stays(present, service) {
			a.next.services[service.Name] = present
			continue
		}
		r, err := a.service(present, service)
		if err != nil {
			return nil, err
		}
		a.next.services[service.Name] = r
		changed = append(changed, r)
	}
	a.retire()
	if err := a.place(changed); err != nil {
		return nil, err
	}
	return a.next, a.number(changed)
}

// stays tells whether nothing of a service is to change now.
func (a *advance) stays(r *registered, s Service) bool {
	if r.adopted || r.due != 0 && r.due <= a.now || r.recording != 0 && a.state.ResizeNow ||
		!equalServices(r.Service, s) || a.geometry(s) != r.geometry() && r.recording == 0 {
		return false
	}
	for i, b := range s.Backends {
		m := r.members[r.places[i]]
		if a.backendRecord(b, m.record.Counter) != m.record {
			return false
		}
	}
	return true
}

func equalServices(a, b Service) bool {
	return a.Name == b.Name && a.Address == b.Address && a.Protocol == b.Protocol && a.Mode == b.Mode &&
		a.Affinity == b.Affinity && a.Tracking == b.Tracking && a.Settle == b.Settle && a.TableSize == b.TableSize &&
		slices.Equal(a.Ports, b.Ports) && slices.Equal(a.Backends, b.Backends)
}

// service works out all of a service but its region and number.
func (a *advance) service(present *registered, s Service) (*registered, error) {
	r := &registered{Service: s}
	if present == nil {
		id, err := a.newID()
		if err != nil {
			return nil, err
		}
		present = &registered{Service: s, record: pipelineService{Id: id}}
	}
	if err := a.seatMembers(present, r); err != nil {
		return nil, err
	}
	use := a.geometry(s)
	if present.table != nil {
		use = present.geometry()
	}
	r.record = pipelineService{Id: present.record.Id, First: present.record.First}
	r.note.Capacity = present.note.Capacity
	r.number, r.tableID = present.number, present.tableID
	use, err := a.arrange(present, r, use)
	if err != nil {
		return nil, err
	}
	r.record.Seed, r.record.Size, r.record.Flags = use.seed, uint32(use.size), serviceFlags(s, use.affinity)
	r.due = a.dueAt(r)
	return r, nil
}

func (a *advance) newID() (uint32, error) {
	if a.ids == nil {
		a.ids = newAllocator(a.size.Services, oneEach(a.have.ids))
	}
	id, ok := a.ids.take(1)
	if !ok {
		return 0, &LimitError{Limit: "services", Have: a.state.Limits.Services, Want: len(a.state.Services)}
	}
	a.next.fresh.ids = append(a.next.fresh.ids, id)
	return id, nil
}

// retire keeps the ids of services that are gone from being given on, for as long
// as flow records may name them.
func (a *advance) retire() {
	for name, r := range a.have.services {
		if a.next.services[name] == nil {
			a.next.retire(r.record.Id)
		}
	}
}

func (g *registry) retire(id uint32) {
	if g.retired == nil {
		g.retired = map[uint32]bool{}
	}
	g.retired[id] = true
}

// place finds regions in the map of backends for services that need a larger one
// than they have, with some room to grow if there is any.
func (a *advance) place(changed []*registered) error {
	var homeless []*registered
	wish := 0
	for _, r := range changed {
		if r.room() > r.note.Capacity {
			homeless = append(homeless, r)
			wish += int(spacious(r.room()))
		}
	}
	if len(homeless) == 0 {
		return nil
	}
	regions := newAllocator(a.size.Backends, a.have.regionSpans, a.next.regionSpans)
	roomy := wish <= regions.free
	for _, r := range homeless {
		capacity := r.room()
		if roomy {
			capacity = spacious(capacity)
		}
		start, ok := regions.take(capacity)
		if !ok {
			return &LimitError{Limit: "backends", Have: a.state.Limits.Backends, Want: a.state.Limits.Backends + int(capacity)}
		}
		r.record.First, r.note.Capacity = start-1, capacity
	}
	return nil
}

func spacious(room uint32) uint32 { return room + room/4 + 1 }

// number gives each content of a service record the number that it has, or a new
// one, and writes the notes.
func (a *advance) number(changed []*registered) error {
	records := make([]pipelineService, 0, len(a.state.Services))
	for _, s := range a.state.Services {
		records = append(records, a.next.services[s.Name].record)
	}
	numbers, err := a.have.numbers.assign(records, 1, a.size.Services, "services")
	if err != nil {
		return err
	}
	a.next.numbers = numbers
	for _, r := range changed {
		r.number = numbers[r.record]
		r.note = note(r.Service, r.note.Capacity)
	}
	return nil
}
