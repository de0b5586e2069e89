// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"fmt"
	"net/netip"
	"sync/atomic"
)

// The layout, as bpf/abi.h has it.
const (
	Child      = 1 << 31 // bit of a word that leads on: to the child block of that number,
	ByShortcut = 1 << 30 // or, with this bit, by the shortcut of that number
	BlockWords = 256     // words a block
	Root4      = 0       // first block of the IPv4 root
	Root6      = 256     // first block of the IPv6 root
	RootBlocks = 512     // blocks of both roots: the first child block
)

// MaxValue is the largest value that a prefix can have.
const MaxValue = Child - 1

// Table is a set of prefixes and the memory that it is laid out in.
type Table struct {
	mem      []uint32   // shared with readers
	records  []Shortcut // likewise
	owner    []uint8    // of each word of mem that is a leaf: length of its prefix plus one, 0 = none
	live     []uint16   // in each child block: prefixes that end in it, and children
	blocks   pool
	taken    pool       // of records
	stale    [][16]byte // ways on which shortcuts may be missing
	prefixes map[prefix]uint32
	lengths  [2][129]int // prefixes of each family and length
}

// leaf is what a word holds when it is not a child block.
type leaf struct {
	value uint32
	owner uint8
}

// New makes an empty table in mem, which stays the caller's: it must be kept
// mapped, and written by nobody else, for as long as the table is in use. Its
// length is a multiple of [BlockWords] and at least that of [RootBlocks] blocks.
// The root must be zero; the rest is written before it can be read. The memory of
// the shortcuts is the caller's likewise. One for each [LeastChain] blocks is
// enough; where there are too few, or none, some walks take longer.
func New(mem []uint32, shortcuts []Shortcut) (*Table, error) {
	total := len(mem) / BlockWords
	switch {
	case len(mem)%BlockWords != 0:
		return nil, fmt.Errorf("prefix table: memory of %d words is no multiple of %d", len(mem), BlockWords)
	case total < RootBlocks:
		return nil, fmt.Errorf("prefix table: memory has %d blocks, the root alone takes %d", total, RootBlocks)
	case total > ByShortcut || len(shortcuts) > ByShortcut:
		return nil, fmt.Errorf("prefix table: memory has %d blocks and %d shortcuts, a word can number %d of each",
			total, len(shortcuts), ByShortcut)
	}
	for i, w := range mem[:RootBlocks*BlockWords] {
		if w != 0 {
			return nil, fmt.Errorf("prefix table: word %d of the root is %#x, want zeroed memory", i, w)
		}
	}
	return &Table{
		mem:      mem,
		records:  shortcuts,
		owner:    make([]uint8, len(mem)),
		live:     make([]uint16, total),
		blocks:   newPool(RootBlocks, total),
		taken:    newPool(0, len(shortcuts)),
		prefixes: make(map[prefix]uint32),
	}, nil
}

// Lookup returns the value of the longest prefix that covers a, or 0 if none
// does or a is the zero Addr. An IPv4-mapped address is an IPv6 one; a zone is
// ignored. It is the walk that the kernel's program makes, over the same memory.
//
// Lookup may run beside the other methods, as one more reader whose end
// [Table.Reclaim] has to wait for.
func (t *Table) Lookup(a netip.Addr) uint32 {
	if !a.IsValid() {
		return 0
	}
	p := newPrefix(a, 0)
	w := atomic.LoadUint32(&t.mem[p.root()])
	for level := 1; w&Child != 0; {
		if w&ByShortcut != 0 {
			w, level = t.records[w&^(Child|ByShortcut)].take(&p)
			continue
		}
		w = atomic.LoadUint32(&t.mem[wordOf(w&^Child, p.index(level))])
		level++
	}
	return w
}

// Len returns the number of prefixes.
func (t *Table) Len() int { return len(t.prefixes) }

// Blocks returns how many blocks are used, the [RootBlocks] included, how many
// wait for [Table.Reclaim], and how many the memory has.
func (t *Table) Blocks() (used, quarantined, total int) {
	return t.blocks.used, len(t.blocks.quarantine), t.blocks.total
}

// Shortcuts returns how many shortcuts are used, and how many wait for
// [Table.Reclaim].
func (t *Table) Shortcuts() (used, quarantined int) {
	return t.taken.used, len(t.taken.quarantine)
}

// Reclaim takes blocks and shortcuts out of quarantine, and makes the shortcuts
// that the updates since the last Reclaim have undone or made possible. The caller
// makes sure first that no reader is left that began before the last
// [Table.Update] returned.
func (t *Table) Reclaim() {
	t.blocks.reclaim()
	t.taken.reclaim()
	t.shortenStale()
}
