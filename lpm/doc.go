// SPDX-License-Identifier: Apache-2.0

// Package lpm is a table of IPv4 and IPv6 prefixes, laid out for a program in
// the kernel that looks up the longest prefix of an address while the table
// changes.
//
// # Layout
//
// A table is a flat array of 32-bit words in host byte order, in blocks of
// [BlockWords] words. The first [RootBlocks] blocks are the roots of the two
// families: the first byte of an address chooses the block, the second the
// word. Each further byte chooses a word of a child block, so that IPv4 takes at
// most three reads and IPv6 at most fifteen, two or three of them for most
// tables.
//
//	block 0          ┌──────────────────┐
//	                 │ 256 blocks: IPv4 │ 10.1.2.3: word 1 of block 10 ─┐
//	block 256        ├──────────────────┤                              │
//	                 │ 256 blocks: IPv6 │ 2001:…: word 1 of block      │
//	                 │                  │ 256 + 0x20                   │
//	block 512        ├──────────────────┤                              │
//	                 │ child blocks     │ word 2 of the block there ◄──┘
//	                 │                  │  └► word 3 of the block there
//	                 ├──────────────────┤
//	                 │ not in use yet   │
//	                 └──────────────────┘
//
//	 31 30                                  0
//	┌──┬─────────────────────────────────────┐
//	│ 1│ number of a child block             │  read on there
//	├──┼─────────────────────────────────────┤
//	│ 0│ value of the longest prefix, or 0   │  done
//	└──┴─────────────────────────────────────┘
//
// Values are pushed down to the leaves: a prefix is written to all words whose
// addresses it covers and no longer prefix does. A prefix whose length is no
// stride boundary covers several words, 10.0.0.0/14 four. The walker therefore
// keeps no best match on its way, and a miss costs no more than a match. A child
// block is there for as long as a prefix ends in it or below it.
//
// # Concurrency
//
// The words may be memory that others read at the same time, such as a mapped
// BPF array. What they can rely on:
//
//   - Each word is written with one atomic store, and a child block is complete
//     before the word that points to it is written.
//   - Each address goes from its value before an [Table.Update] to its value
//     after it in one step, even if several changes of the batch cover it. The
//     addresses of a batch do not change all at once.
//   - A block that is no longer needed is unlinked and left as it is, in
//     quarantine, since a reader may be in it. It is used again only after
//     [Table.Reclaim], which the caller calls when all readers of before are
//     gone: in the kernel, after an RCU grace period.
//
// There is one writer. [Table.Lookup] may run beside it, no other method may.
//
// # Cost
//
// Beside the words a table keeps one byte a word (the length of the prefix that
// the word's value belongs to), two bytes a block, and a map of the prefixes. A
// change writes the words that the prefix covers, and reads all blocks below
// them: microseconds for a long prefix, milliseconds for a default route over a
// full table.
package lpm
