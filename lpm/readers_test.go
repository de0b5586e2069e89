// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// history is a series of updates, and what each probe answers after each.
type history struct {
	updates [][]Change
	probes  []netip.Addr
	answers [][]uint32 // by update, then probe; the first row is of the empty table

	started, finished atomic.Int64 // updates
	stop              atomic.Bool
}

// reader walks the memory as the kernel does. pass is odd during a walk, which
// makes it easy to wait for the end of those that have begun.
type reader struct {
	pass     atomic.Uint64
	seen     int // reads that met an update
	shortcut int // of these, such as began where a shortcut was on the way
}

func newHistory(u *universe, rounds int) *history {
	h := &history{}
	for range 40 {
		h.probes = append(h.probes, u.address())
	}
	o := oracle{}
	for round := range rounds + 1 {
		if round > 0 {
			batch := u.contrary(o)
			if round == 1 {
				batch = h.hosts()
			}
			o.update(batch)
			h.updates = append(h.updates, batch)
		}
		row := make([]uint32, len(h.probes))
		for i, a := range h.probes {
			row[i] = o.lookup(a)
		}
		h.answers = append(h.answers, row)
	}
	return h
}

// hosts are the probes as prefixes: shortcuts lead to some of them.
func (h *history) hosts() (batch []Change) {
	for i, a := range h.probes {
		batch = append(batch, Change{Prefix: netip.PrefixFrom(a, a.BitLen()), Value: uint32(i + 1<<30)})
	}
	return batch
}

// contrary makes a batch most of whose changes cover one address, each with a
// value of its own: all that a reader must not see is at hand.
func (u *universe) contrary(there oracle) []Change {
	batch := u.batch(u.IntN(4), there)
	a := u.address()
	for range 1 + u.IntN(12) {
		p, _ := a.Prefix(u.IntN(a.BitLen() + 1))
		u.value++
		batch = append(batch, Change{p, u.value, u.IntN(3) == 0})
	}
	for p := range there {
		if p.Contains(a) && u.IntN(2) == 0 {
			batch = append(batch, Change{Prefix: p, Delete: true})
		}
	}
	return batch
}

// run reads until told to stop. What it finds is the answer after the last
// update that had finished when it began, or after one that had started since.
func (r *reader) run(t *testing.T, h *history, table *Table, offset int) {
	for i := offset; !h.stop.Load(); i++ {
		probe := i % len(h.probes)
		first := h.finished.Load()
		r.pass.Add(1)
		short := shortened(table, h.probes[probe])
		got := table.Lookup(h.probes[probe])
		r.pass.Add(1)
		last := h.started.Load()
		if !h.allowed(probe, first, last, got) {
			t.Errorf("%v: got %d during updates %d to %d, %d before and %d after",
				h.probes[probe], got, first, last, h.answers[first][probe], h.answers[last][probe])
			return
		}
		if first != last {
			r.seen++
			if short {
				r.shortcut++
			}
		}
	}
}

// shortened tells whether a walk meets a shortcut.
func shortened(t *Table, a netip.Addr) bool {
	p := newPrefix(a, 0)
	w := atomic.LoadUint32(&t.mem[p.root()])
	for level := 1; w&Child != 0; level++ {
		if w&ByShortcut != 0 {
			return true
		}
		w = atomic.LoadUint32(&t.mem[wordOf(w&^Child, p.index(level))])
	}
	return false
}

func (h *history) allowed(probe int, first, last int64, got uint32) bool {
	for ; first <= last; first++ {
		if h.answers[first][probe] == got {
			return true
		}
	}
	return false
}

// grace waits for the end of all walks that have begun.
func grace(readers []*reader) {
	for _, r := range readers {
		if pass := r.pass.Load(); pass%2 == 1 {
			for r.pass.Load() == pass {
				runtime.Gosched()
			}
		}
	}
}

func TestReaders(t *testing.T) {
	u := &universe{Rand: newRand(t)}
	readers := []*reader{{}, {}, {}}
	deadline := time.Now().Add(2 * time.Second)
	for !t.Failed() && time.Now().Before(deadline) {
		h := newHistory(u, 200)
		w := newWorld(t, RootBlocks+2000)
		var wg sync.WaitGroup
		for i, r := range readers {
			wg.Go(func() { r.run(t, h, w.table, i*len(h.probes)/len(readers)) })
		}
		for _, changes := range h.updates {
			h.started.Add(1)
			if err := w.table.Update(changes); err != nil {
				t.Error(err)
				break
			}
			h.finished.Add(1)
			if u.IntN(4) == 0 {
				grace(readers)
				w.table.Reclaim()
			}
		}
		h.stop.Store(true)
		wg.Wait()
	}
	seen, shortcut := 0, 0
	for _, r := range readers {
		seen += r.seen
		shortcut += r.shortcut
	}
	if t.Logf("%d reads during an update, %d of them by a shortcut", seen, shortcut); seen == 0 || shortcut == 0 {
		t.Error("no read met an update, or none by a shortcut did")
	}
}
