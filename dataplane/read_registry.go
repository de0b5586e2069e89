// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/cilium/ebpf"

	"clearway/lpm"
	"clearway/tracking"
)

// registryReader reads the registry of a generation off its pinned maps: that of
// a former process, or of the one that this one reads along with.
type registryReader struct {
	root       root
	generation int
	now        time.Duration
	maps       map[string]*ebpf.Map

	services []pipelineService // by number
	notes    []pipelineServiceNote
	backends []pipelineBackend
}

// readRegistry is empty where the generation is of a build without services.
func (r root) readRegistry(m *manifest, now time.Duration) (registry, error) {
	if m.Generation == 0 || m.Balance == "" {
		return registry{}, nil
	}
	layout, err := balanceLayout()
	if err != nil {
		return registry{}, err
	}
	if m.Balance != layout {
		return registry{}, errLayout
	}
	reader := registryReader{root: r, generation: m.Generation, now: now, maps: map[string]*ebpf.Map{}}
	defer reader.close()
	if err := reader.open("services", "service_notes", "backends", "tables", "addresses", "service_ports", "prefixes", "prefix_shortcuts"); err != nil {
		return registry{}, err
	}
	return reader.read()
}

// errLayout: services, their tables or flow records are kept in another way, or
// found in another way.
var errLayout = errors.New("its services, tables and flow records are laid out in another way: only without services (detach, or a configuration without them) can one follow the other")

func (r *registryReader) open(names ...string) error {
	for _, name := range names {
		m, err := r.root.openMap(r.generation, name)
		if err != nil {
			return err
		}
		r.maps[name] = m
	}
	return nil
}

func (r *registryReader) close() {
	for _, m := range r.maps {
		m.Close()
	}
}

func (r *registryReader) read() (g registry, err error) {
	g.services = map[string]*registered{}
	if r.services, err = wholeArray[pipelineService](r.maps["services"]); err != nil {
		return g, err
	}
	if r.notes, err = wholeArray[pipelineServiceNote](r.maps["service_notes"]); err != nil {
		return g, err
	}
	if r.backends, err = wholeArray[pipelineBackend](r.maps["backends"]); err != nil {
		return g, err
	}
	for number, record := range r.services {
		note := r.notes[number]
		if record.Size == 0 || note.Name[0] == 0 {
			continue
		}
		one := &registered{Service: noted(record, note), number: uint32(number), record: record, note: note, adopted: true}
		if other := g.services[one.Name]; other != nil && !r.live(one) {
			continue // a change was left half done
		}
		g.services[one.Name] = one
	}
	for _, one := range g.services {
		if err := r.readMembers(one); err != nil {
			return g, err
		}
		if err := r.readTable(one); err != nil {
			return g, fmt.Errorf("reading the table of service %s: %w", one.Name, err)
		}
	}
	return g, nil
}

// readMembers seats those that are in the region of a service.
func (r *registryReader) readMembers(one *registered) error {
	first, capacity := int(one.record.First), int(one.note.Capacity)
	if first+capacity >= len(r.backends) && capacity > 0 {
		return fmt.Errorf("reading service %s: its backends are beyond the end of their map", one.Name)
	}
	for i := range capacity + 1 {
		record := r.backends[first+i]
		if i == 0 || record == (pipelineBackend{}) {
			continue
		}
		one.members = append(one.members, make([]member, i+1-len(one.members))...)
		m := member{address: wireAddr(record.Address, record.Flags&uint16(pipelineBackendBitBACKEND_IPV6) != 0),
			record: record, removed: record.State == stateRemoved}
		one.members[i] = m
		if m.removed {
			continue
		}
		one.places = append(one.places, uint16(i))
		one.Backends = append(one.Backends, Backend{Address: m.address, Weight: record.Weight, State: BackendState(record.State),
			Order: Order(record.Order), Alive: m.is(pipelineBackendBitBACKEND_ALIVE), Accept: m.is(pipelineBackendBitBACKEND_ACCEPT)})
	}
	return nil
}

// readTable reads the inner map by the pin of the id that the outer one tells. A
// writer may replace it meanwhile.
func (r *registryReader) readTable(one *registered) error {
	var err error
	for range 5 {
		var id ebpf.MapID
		if err := r.maps["tables"].Lookup(one.number, (*uint32)(&id)); errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		var inner *ebpf.Map
		if inner, err = ebpf.LoadPinnedMap(r.root.tablePin(r.generation, id), nil); err == nil {
			defer inner.Close()
			one.tableID = id
			return r.fillTable(one, inner)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil // the empty table, which is not pinned
}

func (r *registryReader) fillTable(one *registered, inner *ebpf.Map) error {
	blocks, err := wholeArray[pipelineTableBlock](inner)
	if err != nil {
		return err
	}
	if size := int(one.record.Size); len(blocks)*tableBlockSlots < size {
		return fmt.Errorf("it has %d blocks for %d slots", len(blocks), size)
	}
	slots := make([]tracking.Slot, one.record.Size)
	for i := range slots {
		slots[i] = tracking.Slot(blocks[i/tableBlockSlots].Slot[i%tableBlockSlots])
	}
	one.table = tracking.Adopt(slots, r.now)
	if one.Tracking == TrackChanged && one.table.Recording() {
		one.recording = r.now
	}
	return nil
}

// wholeArray reads all entries of an array.
func wholeArray[V any](m *ebpf.Map) ([]V, error) {
	values := make([]V, m.MaxEntries())
	keys := make([]uint32, min(len(values), batchSize))
	var cursor ebpf.MapBatchCursor
	for at := 0; at < len(values); {
		some := min(len(keys), len(values)-at)
		n, err := m.BatchLookup(&cursor, keys[:some], values[at:at+some], nil)
		if errors.Is(err, ebpf.ErrNotSupported) { // before 5.6
			return values, lookupEach(m, values)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil, fmt.Errorf("reading map %v: %w", m, err)
		}
		if at += n; n == 0 {
			break
		}
	}
	return values, nil
}

func lookupEach[V any](m *ebpf.Map, values []V) error {
	for i := range values {
		if err := m.Lookup(uint32(i), &values[i]); err != nil {
			return fmt.Errorf("reading map %v: %w", m, err)
		}
	}
	return nil
}

// live tells whether packets find a service under its number: the prefix table
// names its address record, and that the number.
func (r *registryReader) live(one *registered) bool {
	word, err := r.lookUp(one.Address)
	var a pipelineAddress
	if err != nil || word&uint32(pipelineClassBitCLASS_SERVICE) == 0 || r.maps["addresses"].Lookup(word>>classIndexShift, &a) != nil {
		return false
	}
	if a.AnyTcp == one.number || a.AnyUdp == one.number {
		return true
	}
	for _, p := range a.Port {
		if p.Service == one.number {
			return true
		}
	}
	for _, port := range one.Ports {
		key := pipelineServicePortKey{Address: word >> classIndexShift, Port: wirePort(port), Protocol: uint16(one.Protocol)}
		var number uint32
		if r.maps["service_ports"].Lookup(key, &number) == nil && number == one.number {
			return true
		}
	}
	return false
}

// lookUp walks the prefix table as the programs do, but for the shortcuts.
func (r *registryReader) lookUp(a netip.Addr) (word uint32, err error) {
	b := a.AsSlice()
	root := uint32(lpm.Root4)
	if a.Is6() {
		root = lpm.Root6
	}
	word = lpm.Child | (root + uint32(b[0]))
	for _, index := range b[1:] {
		if word&lpm.Child == 0 {
			return word, nil
		}
		number := word &^ lpm.Child
		if number&lpm.ByShortcut != 0 {
			var s lpm.Shortcut
			if err := r.maps["prefix_shortcuts"].Lookup(number&^lpm.ByShortcut, &s); err != nil {
				return 0, err
			}
			number = s.Block
		}
		var block pipelinePrefixBlock
		if err := r.maps["prefixes"].Lookup(number, &block); err != nil {
			return 0, err
		}
		word = block.Word[index]
	}
	return word, nil
}
