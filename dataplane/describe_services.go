// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"clearway/tracking"
)

// addServices tells what of services differs, in the order of their names.
func (c *Changes) addServices(have, want *registry) {
	changed := map[string][]string{}
	for old, r := range want.changes(have) {
		switch {
		case r == nil:
			changed[old.Name] = []string{"- service " + old.Name}
		case old == nil:
			changed[r.Name] = []string{fmt.Sprintf("+ service %s (%v, backends: %d)", r.Name, place(r.Service), len(r.Backends))}
		default:
			m := moves(old, r)
			if lines := describeService(old, r, m); len(lines) > 0 {
				changed[r.Name] = lines
			}
			if m.Moved > 0 {
				c.Moves = append(c.Moves, m)
			}
		}
	}
	slices.SortFunc(c.Moves, func(a, b Moves) int { return strings.Compare(a.Service, b.Service) })
	if len(changed) > mostListed {
		c.Lines = append(c.Lines, fmt.Sprintf("services: %d changed", len(changed)))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		c.Lines = append(c.Lines, changed[name]...)
	}
}

// place is where clients find a service.
func place(s Service) string {
	if len(s.Ports) == 0 {
		return fmt.Sprintf("%v %v any port", s.Address, s.Protocol)
	}
	return fmt.Sprintf("%v %v %s", s.Address, s.Protocol, strings.Trim(fmt.Sprint(s.Ports), "[]"))
}

func describeService(old, r *registered, m Moves) (lines []string) {
	line := func(format string, args ...any) {
		lines = append(lines, "~ service "+r.Name+": "+fmt.Sprintf(format, args...))
	}
	if was, is := place(old.Service), place(r.Service); was != is {
		line("%s, was %s", is, was)
	}
	for _, p := range []struct {
		name    string
		was, is any
	}{
		{"mode", old.Mode, r.Mode},
		{"tracking", old.Tracking, r.Tracking},
	} {
		if p.was != p.is {
			line("%s %v, was %v", p.name, p.is, p.was)
		}
	}
	describeBackends(old, r, line)
	describeTable(old, r, line)
	if m.Moved > 0 {
		line("%d of %d slots move", m.Moved, m.Slots)
	}
	return lines
}

func describeBackends(old, r *registered, line func(string, ...any)) {
	before := make(map[netip.Addr]Backend, len(old.Backends))
	for _, b := range old.Backends {
		before[b.Address] = b
	}
	for _, b := range r.Backends {
		was, had := before[b.Address]
		delete(before, b.Address)
		switch {
		case !had:
			line("+ backend %v (%v, weight %d)", b.Address, b.State, b.Weight)
			continue
		case was.State != b.State:
			line("backend %v %v, was %v", b.Address, b.State, was.State)
		case was.Alive && !b.Alive:
			line("backend %v: its flows move", b.Address)
		}
		if was.Weight != b.Weight {
			line("backend %v weight %d, was %d", b.Address, b.Weight, was.Weight)
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(before), netip.Addr.Compare) {
		line("- backend %v", a)
	}
}

// describeTable tells what becomes of its geometry, and whether nobody accepts.
func describeTable(old, r *registered, line func(string, ...any)) {
	was, is := old.geometry(), r.geometry()
	switch {
	case old.recording == 0 && r.recording != 0:
		line("its flows are recorded for %v before a new table-size, seed or affinity holds", r.Settle)
	case was != is && len(old.slots()) > 0:
		line("table-size %d, seed %d, affinity %s, were %d, %d, %s", is.size, is.seed, is.affinity, was.size, was.seed, was.affinity)
	}
	if open := r.failOpen(); open != old.failOpen() {
		if open {
			line("no backend accepts: its last table stays")
		} else {
			line("a backend accepts again")
		}
	}
}

// failOpen tells whether no backend accepts, so that the last table stays.
func (r *registered) failOpen() bool { return r.table != nil && len(r.accepting()) == 0 }

// moves counts the slots that get another owner. Of tables that differ in size it
// compares the owners of the middle of each new slot; flows that are hashed in
// another way keep theirs by chance.
func moves(old, r *registered) Moves {
	was, is := old.geometry(), r.geometry()
	before, after := old.slots(), r.slots()
	m := Moves{Service: r.Name, Slots: len(after), Resize: was != is}
	switch {
	case len(before) == 0 || len(after) == 0:
	case was.seed != is.seed || was.affinity != is.affinity:
		m.Moved = len(after) - stayByChance(owners(old), owners(r), len(before))
	default:
		for i, s := range after {
			if owner(old, before[(2*i+1)*len(before)/(2*len(after))]) != owner(r, s) {
				m.Moved++
			}
		}
	}
	return m
}

// stayByChance is for how many new slots a flow comes from one of the same owner,
// when it may come from any.
func stayByChance(before, after map[netip.Addr]int, slots int) (stay int) {
	for a, n := range after {
		stay += n * before[a]
	}
	return stay / slots
}

// owners counts the slots of each.
func owners(r *registered) map[netip.Addr]int {
	all := map[netip.Addr]int{}
	for _, s := range r.slots() {
		all[owner(r, s)]++
	}
	return all
}

func owner(r *registered, s tracking.Slot) netip.Addr {
	if i := int(s.Cur()); i < len(r.members) {
		return r.members[i].address
	}
	return netip.Addr{}
}
