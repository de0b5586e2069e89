// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"

	"clearway/maglev"
	"clearway/tracking"
)

// serviceMaps are the maps of services as they are.
type serviceMaps struct {
	addresses map[uint32]pipelineAddress
	services  map[uint32]pipelineService
	notes     map[uint32]pipelineServiceNote
	backends  map[uint32]pipelineBackend
	ports     map[pipelineServicePortKey]uint32
	tables    map[uint32][]tracking.Slot
}

func readServiceMaps(t *testing.T, d *Dataplane) serviceMaps {
	t.Helper()
	m := serviceMaps{
		addresses: readArray[pipelineAddress](t, d.gen.maps("addresses")),
		services:  readArray[pipelineService](t, d.gen.maps("services")),
		notes:     readArray[pipelineServiceNote](t, d.gen.maps("service_notes")),
		backends:  readArray[pipelineBackend](t, d.gen.maps("backends")),
		ports:     map[pipelineServicePortKey]uint32{},
		tables:    map[uint32][]tracking.Slot{},
	}
	var key pipelineServicePortKey
	var number uint32
	entries := d.gen.maps("service_ports").Iterate()
	for entries.Next(&key, &number) {
		m.ports[key] = number
	}
	if err := entries.Err(); err != nil {
		t.Fatal(err)
	}
	for number, s := range m.services {
		m.tables[number] = readTable(t, d, number, int(s.Size))
	}
	return m
}

// readTable reads the inner map that the outer one holds, by its pin.
func readTable(t *testing.T, d *Dataplane, number uint32, size int) []tracking.Slot {
	t.Helper()
	var id uint32
	if err := d.gen.maps("tables").Lookup(number, &id); err != nil {
		return nil
	}
	inner, err := ebpf.LoadPinnedMap(d.root.tablePin(d.gen.number, ebpf.MapID(id)), nil)
	if err != nil {
		return nil // the empty table
	}
	defer inner.Close()
	var slots []tracking.Slot
	blocks := readArray[pipelineTableBlock](t, inner)
	if int(inner.MaxEntries()) != (size+15)/16 {
		t.Fatalf("the table of service %d has %d blocks for %d slots", number, inner.MaxEntries(), size)
	}
	for i := range size {
		slots = append(slots, tracking.Slot(blocks[uint32(i/16)].Slot[i%16]))
	}
	return slots
}

// readSlots reads all tables, by the names of their services.
func readSlots(t *testing.T, d *Dataplane) map[string][]tracking.Slot {
	t.Helper()
	m := readServiceMaps(t, d)
	all := map[string][]tracking.Slot{}
	for number, note := range m.notes {
		all[noted(m.services[number], note).Name] = m.tables[number]
	}
	return all
}

// readServices puts the services and punt rules that packets find into words, and
// counts what none would find.
func readServices(t *testing.T, d *Dataplane) []string {
	t.Helper()
	m := readServiceMaps(t, d)
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	seen := map[uint32]bool{}
	for number, note := range m.notes {
		s := noted(m.services[number], note)
		if d.gen.table.Lookup(s.Address)&uint32(pipelineClassBitCLASS_SERVICE) == 0 {
			add("no packet finds service %s", s.Name)
		}
		m.addService(number, s, add)
	}
	for prefix := range d.gen.image.registry.prefixes {
		word := d.gen.table.Lookup(prefix.Addr())
		index := word >> classIndexShift
		if word&uint32(pipelineClassBitCLASS_SERVICE) == 0 {
			add("no packet finds what is at %v", prefix.Addr())
		}
		add("%v MSS %v", prefix.Addr(), ruleWords(readArray[pipelineMssRule](t, d.gen.maps("mss_rules")), m.addresses[index].Mss))
		m.addPorts(index, prefix.Addr(), add)
		seen[index] = true // addresses with the same rules share a record
	}
	add("left over: %d addresses, %d services, %d backends, %d tables", len(m.addresses)-len(seen), len(m.services)-len(m.notes), len(m.backends), pinnedTables(t, d)-m.withTable())
	slices.Sort(lines)
	return slices.Compact(lines)
}

func (m serviceMaps) addPorts(index uint32, a netip.Addr, add func(string, ...any)) {
	record := m.addresses[index]
	name := func(number uint32) string {
		switch number {
		case serviceAmbiguous:
			return "ambiguous"
		case puntRule:
			return "punt"
		}
		return noted(m.services[number], m.notes[number]).Name
	}
	add("%v any TCP %s, any UDP %s", a, name(record.AnyTcp), name(record.AnyUdp))
	for _, p := range record.Port {
		if p.Service != 0 {
			add("%v port %d/%d %s", a, wirePort(p.Port), p.Protocol, name(p.Service))
		}
	}
	for key, number := range m.ports {
		if key.Address == index {
			add("%v port %d/%d %s", a, wirePort(key.Port), key.Protocol, name(number))
			if record.Many == 0 {
				add("nobody looks for further ports")
			}
		}
	}
}

func (m serviceMaps) addService(number uint32, s Service, add func(string, ...any)) {
	record := m.services[number]
	members := map[uint16]netip.Addr{}
	for i := range m.notes[number].Capacity {
		b := m.backends[record.First+1+i]
		delete(m.backends, record.First+1+i)
		if b == (pipelineBackend{}) {
			continue
		}
		address := wireAddr(b.Address, b.Flags&uint16(pipelineBackendBitBACKEND_IPV6) != 0)
		members[uint16(i+1)] = address
		if b.State == stateRemoved {
			continue
		}
		add("service %s backend %v flags %b weight %d state %d order %d to %v by %v %d/%d egress %d MTU %d", s.Name, address, b.Flags, b.Weight, b.State, b.Order,
			MAC(b.Dmac), MAC(b.Smac), b.Port, b.Vid, b.Egress, b.Mtu)
		if b.Counter == 0 {
			add("service %s backend %v counts nowhere", s.Name, address)
		}
	}
	var owners bytes.Buffer
	for _, slot := range m.tables[number] {
		if slot.Cur() != 0 {
			fmt.Fprintln(&owners, members[slot.Cur()])
		}
	}
	add("service %s ports %v proto %d mode %s affinity %s tracking %s size %d seed %d: %08x", s.Name, s.Ports, s.Protocol, s.Mode, s.Affinity, s.Tracking,
		record.Size, record.Seed, crc32.ChecksumIEEE(owners.Bytes()))
}

func (m serviceMaps) withTable() (n int) {
	for _, slots := range m.tables {
		n += min(len(slots), 1)
	}
	return n
}

func pinnedTables(t *testing.T, d *Dataplane) int {
	t.Helper()
	entries, err := os.ReadDir(d.root.tables(d.gen.number))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			t.Fatalf("pinned among tables: %s", e.Name())
		}
	}
	return len(entries)
}

// serviceWords is what readServices should find of a state, put down plainly.
func serviceWords(s State) []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, service := range s.Services {
		add("%v MSS %v", service.Address, obviousRules(s.MSS, service.Address))
		addPortWords(s, service.Address, add)
		for _, b := range service.Backends {
			add("%s", backendWords(s, service, b))
		}
		var owners bytes.Buffer
		for _, a := range wantedOwners(service.TableSize, s.Balance.Seed, service.Backends) {
			fmt.Fprintln(&owners, a)
		}
		add("service %s ports %v proto %d mode %s affinity %s tracking %s size %d seed %d: %08x", service.Name, service.Ports, service.Protocol, service.Mode,
			service.Affinity, service.Tracking, service.TableSize, s.Balance.Seed, crc32.ChecksumIEEE(owners.Bytes()))
	}
	for _, rule := range s.Punt {
		add("%v MSS %v", rule.Address, obviousRules(s.MSS, rule.Address))
		addPortWords(s, rule.Address, add)
	}
	add("left over: 0 addresses, 0 services, 0 backends, 0 tables")
	slices.Sort(lines)
	return slices.Compact(lines)
}

// addPortWords asks for every port that any service or rule has, and that of fragments.
func addPortWords(s State, a netip.Addr, add func(string, ...any)) {
	anyPort := map[Protocol]string{}
	fragments := map[Protocol]map[string]bool{TCP: {}, UDP: {}}
	specific := map[Protocol]bool{}
	for _, service := range s.Services {
		if service.Address != a {
			continue
		}
		fragments[service.Protocol][service.Name] = true
		if len(service.Ports) == 0 {
			anyPort[service.Protocol] = service.Name
		}
		for _, port := range service.Ports {
			add("%v port %d/%d %s", a, port, service.Protocol, service.Name)
			specific[service.Protocol] = true
		}
	}
	for _, rule := range s.Punt {
		switch {
		case rule.Address != a:
		case rule.Port == 0:
			anyPort[rule.Protocol] = "punt"
		default:
			add("%v port %d/%d punt", a, rule.Port, rule.Protocol)
		}
	}
	add("%v any TCP %s, any UDP %s", a, anyPort[TCP], anyPort[UDP])
	for p, names := range fragments {
		if !specific[p] {
			continue
		}
		if len(names) > 1 {
			add("%v port 0/%d ambiguous", a, p)
		} else {
			for name := range names {
				add("%v port 0/%d %s", a, p, name)
			}
		}
	}
}

func backendWords(s State, service Service, b Backend) string {
	flags := bits(b.Alive, b.Accept && b.Weight > 0, b.Address.Is6())
	hop := s.NextHops[b.Address]
	var l L3Interface
	for _, i := range s.L3 {
		if i.Ifindex == hop.Egress && hop.MAC != (MAC{}) {
			l = i
			flags |= bits(false, false, false, true, i.Up, i.RedirectNative, i.RedirectFrags)
		}
	}
	if l.Ifindex == 0 {
		hop = NextHop{}
	}
	return fmt.Sprintf("service %s backend %v flags %b weight %d state %d order %d to %v by %v %d/%d egress %d MTU %d", service.Name, b.Address, flags, b.Weight, b.State, b.Order,
		hop.MAC, l.MAC, l.Port, l.VID, l.Ifindex, min(hop.MTU, l.MTU))
}

// wantedOwners are the owners of the slots of a table built anew; nil when nobody
// accepts.
func wantedOwners(size int, seed uint64, all []Backend) (owners []netip.Addr) {
	var accepting []maglev.Backend
	var addresses []netip.Addr
	for _, b := range all {
		if b.Accept && b.Weight > 0 {
			accepting = append(accepting, maglev.Backend{Name: b.Address.String(), Weight: uint32(b.Weight)})
			addresses = append(addresses, b.Address)
		}
	}
	if len(accepting) == 0 {
		return nil
	}
	table, err := maglev.Build(size, seed, accepting)
	if err != nil {
		panic(err) // tests ask for sizes that are prime
	}
	for _, i := range table {
		owners = append(owners, addresses[i])
	}
	return owners
}
