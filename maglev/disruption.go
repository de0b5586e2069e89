// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"cmp"
	"fmt"
	"slices"
)

// Assignment is a table with the backends that it was built from.
type Assignment struct {
	Table    Table
	Backends []Backend
}

// Moves says what changes from one table to another. Its figures are in parts of
// the flows, of which there are Of: a part is a slot if both tables have the same
// size, a piece of one otherwise.
type Moves struct {
	Of int64
	// Moved is what changes its backend.
	Moved int64
	// Needless is how much of that would have stayed where it was if the new
	// shares were reached with the fewest moves: if only one backend joins or
	// leaves, all that moves between the others.
	Needless int64
	// Backends are those of both tables, by name.
	Backends []BackendMoves
}

// BackendMoves is the part of [Moves] that concerns one backend:
// After = Before + Gained - Lost.
type BackendMoves struct {
	Name                        string
	Before, After, Gained, Lost int64
}

// Share is the share of flows that change their backend, from 0 to 1.
func (m Moves) Share() float64 { return float64(m.Moved) / float64(m.Of) }

// Disruption returns what moves when the new table takes the place of the old
// one. Backends of the same name are the same. It returns an error if a table is
// empty or doesn't fit its backends.
func Disruption(old, new Assignment) (Moves, error) {
	index := map[string]int{}
	var m Moves
	oldPlace, err := m.enter(old, index)
	if err != nil {
		return Moves{}, fmt.Errorf("reading the old table: %w", err)
	}
	newPlace, err := m.enter(new, index)
	if err != nil {
		return Moves{}, fmt.Errorf("reading the new table: %w", err)
	}
	m.count(old.Table, new.Table, oldPlace, newPlace)
	least := int64(0)
	for _, b := range m.Backends {
		least += max(0, b.After-b.Before)
	}
	m.Needless = m.Moved - least
	slices.SortFunc(m.Backends, func(a, b BackendMoves) int { return cmp.Compare(a.Name, b.Name) })
	return m, nil
}

// enter adds the backends of a to m and to the index of m.Backends by name. It
// returns which those are in m.Backends.
func (m *Moves) enter(a Assignment, index map[string]int) ([]int, error) {
	if len(a.Table) == 0 || len(a.Table) > MaxSize {
		return nil, fmt.Errorf("%d slots, 1 to %d are possible", len(a.Table), MaxSize)
	}
	seen := map[string]bool{}
	place := make([]int, len(a.Backends))
	for i, b := range a.Backends {
		if seen[b.Name] {
			return nil, fmt.Errorf("%w: %q", ErrDuplicate, b.Name)
		}
		seen[b.Name] = true
		if _, ok := index[b.Name]; !ok {
			index[b.Name] = len(m.Backends)
			m.Backends = append(m.Backends, BackendMoves{Name: b.Name})
		}
		place[i] = index[b.Name]
	}
	for slot, b := range a.Table {
		if int(b) >= len(a.Backends) {
			return nil, fmt.Errorf("slot %d names backend %d of %d", slot, b, len(a.Backends))
		}
	}
	return place, nil
}

// count walks along both tables. A slot of one is as wide as the other table has
// slots, so that both end at the same place; the part is what divides both widths.
//
//	old, 3 slots   │         │         │         │
//	new, 5 slots   │     │     │     │     │     │
//	parts          0     3   5 6     9 10  12    15
//
// oldPlace and newPlace are what enter returned for them.
func (m *Moves) count(old, new Table, oldPlace, newPlace []int) {
	part := gcd(len(old), len(new))
	oldWidth, newWidth := int64(len(new)/part), int64(len(old)/part)
	m.Of = int64(len(old)) * oldWidth
	i, j := 0, 0
	for at := int64(0); at < m.Of; {
		oldEnd, newEnd := int64(i+1)*oldWidth, int64(j+1)*newWidth
		end := min(oldEnd, newEnd)
		m.add(oldPlace[old[i]], newPlace[new[j]], end-at)
		if end == oldEnd {
			i++
		}
		if end == newEnd {
			j++
		}
		at = end
	}
}

// add counts parts that backend from had and backend to gets.
func (m *Moves) add(from, to int, parts int64) {
	m.Backends[from].Before += parts
	m.Backends[to].After += parts
	if from != to {
		m.Moved += parts
		m.Backends[from].Lost += parts
		m.Backends[to].Gained += parts
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
