// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/gaissmai/bart"
)

// world is a table and both oracles.
type world struct {
	testing.TB
	mem   []uint32
	table *Table
	slow  oracle
	bart  *bart.Table[uint32]
}

func newWorld(t testing.TB, blocks int) *world {
	return newWorldWith(t, blocks, blocks/LeastChain)
}

func newWorldWith(t testing.TB, blocks, shortcuts int) *world {
	mem := make([]uint32, blocks*BlockWords)
	table, err := New(mem, make([]Shortcut, shortcuts))
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, mem, table, oracle{}, new(bart.Table[uint32])}
}

// update makes the changes everywhere. A batch is refused only if it has to be,
// and has left the memory as it was then.
func (w *world) update(changes []Change) (fitted bool) {
	w.Helper()
	_, quarantined, total := w.table.Blocks()
	needed := w.blocksMeanwhile(changes) + quarantined
	var before []uint32
	if needed > total {
		before = slices.Clone(w.mem)
	}
	err := w.table.Update(changes)
	if needed > total {
		var full *FullError
		if !errors.As(err, &full) || *full != (FullError{Needed: needed, Have: total}) {
			w.Fatalf("got %v with %d blocks of %d needed", err, needed, total)
		}
		if !slices.Equal(before, w.mem) {
			w.Fatalf("%v, but the memory changed", err)
		}
		return false
	}
	if err != nil {
		w.Fatal(err)
	}
	w.slow.update(changes)
	for _, c := range changes {
		if c.Delete {
			w.bart.Delete(c.Prefix)
		} else {
			w.bart.Insert(c.Prefix, c.Value)
		}
	}
	return true
}

// blocksMeanwhile is how many blocks are in use while the changes are made: those
// of the prefixes of before and of after.
func (w *world) blocksMeanwhile(changes []Change) int {
	after := w.slow.clone()
	after.update(changes)
	maps.Copy(after, w.slow)
	return BlocksNeeded(maps.Keys(after))
}

func (w *world) check(addresses []netip.Addr) {
	w.Helper()
	for _, a := range addresses {
		want := w.slow.lookup(a)
		if second, _ := w.bart.Lookup(a); second != want {
			w.Fatalf("%v: the oracles say %d and %d", a, want, second)
		}
		if got := w.table.Lookup(a); got != want {
			w.Fatalf("%v: got %d, want %d of %v", a, got, want, w.slow)
		}
	}
}

// checkWords compares every word that a walk can reach with bart.
func (w *world) checkWords() {
	w.Helper()
	for block := range uint32(Root6) {
		w.checkBlock(Root4+block, []byte{byte(block)}, 4)
		w.checkBlock(Root6+block, []byte{byte(block)}, 16)
	}
}

// checkBlock is given the bytes of the addresses so far, and how many they have.
func (w *world) checkBlock(block uint32, bytes []byte, size int) {
	w.Helper()
	for i, word := range w.mem[block*BlockWords:][:BlockWords] {
		next := append(bytes, byte(i))
		if word&Child != 0 {
			w.checkBlock(w.table.child(word), next, size)
			continue
		}
		first := make([]byte, size)
		copy(first, next)
		a, _ := netip.AddrFromSlice(first)
		if want, _ := w.bart.Lookup(a); word != want {
			w.Fatalf("word of %v: %d, want %d of %v", a, word, want, w.slow)
		}
	}
}

func TestRandom(t *testing.T) {
	rng := newRand(t)
	for _, row := range []struct {
		name                  string
		blocks, batch, rounds int
		shortcuts             int
	}{
		{"single changes", 2000, 1, 1000, 400},
		{"small batches", 2000, 8, 500, 400},
		{"large batches", 20000, 400, 30, 4000},
		{"little memory", RootBlocks + 60, 6, 800, 200},
		{"few shortcuts", 2000, 8, 200, 3},
		{"no shortcuts", 2000, 8, 100, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorldWith(t, row.blocks, row.shortcuts)
			u := &universe{Rand: rng}
			refused, most := 0, 0
			for round := range row.rounds {
				changes := u.batch(1+u.IntN(row.batch), w.slow)
				if !w.update(changes) {
					refused++
				}
				for _, c := range changes {
					w.check(edges(c.Prefix))
				}
				w.check([]netip.Addr{u.address(), u.address(), u.address()})
				checkStructure(w, w.table, w.slow)
				if round%(row.rounds/20+1) == 0 {
					w.checkWords()
				}
				if u.IntN(3) == 0 {
					w.table.Reclaim()
					for _, c := range changes {
						w.check(edges(c.Prefix))
					}
					checkStructure(w, w.table, w.slow)
					used, _ := w.table.Shortcuts()
					most = max(most, used)
				}
			}
			if little := row.blocks < 1000; little != (refused > 0) || refused > row.rounds*9/10 {
				t.Errorf("%d of %d updates did not fit", refused, row.rounds)
			}
			if t.Logf("up to %d shortcuts", most); most < min(2, row.shortcuts) {
				t.Errorf("never more than %d shortcuts", most)
			}
			w.emptyOut()
		})
	}
}

// emptyOut deletes all prefixes, after which nothing must be left of them.
func (w *world) emptyOut() {
	w.Helper()
	var all []Change
	for p := range w.slow {
		all = append(all, Change{Prefix: p, Delete: true})
	}
	w.update(all)
	w.table.Reclaim()
	checkStructure(w, w.table, w.slow)
	if used, quarantined, _ := w.table.Blocks(); used != RootBlocks || quarantined != 0 || w.table.Len() != 0 {
		w.Errorf("empty table: %d blocks used, %d in quarantine, %d prefixes", used, quarantined, w.table.Len())
	}
	if used, quarantined := w.table.Shortcuts(); used != 0 || quarantined != 0 {
		w.Errorf("empty table: %d shortcuts used, %d in quarantine", used, quarantined)
	}
	for i, word := range w.mem[:RootBlocks*BlockWords] {
		if word != 0 || w.table.owner[i] != 0 {
			w.Fatalf("empty table: word %d is %#x, owner %d", i, word, w.table.owner[i])
		}
	}
}
