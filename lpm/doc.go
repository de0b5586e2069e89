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
// most three reads and IPv6 at most fifteen, though one or a few end most walks,
// and shortcuts most of the others.
//
//	block 0    ┌────────────────────┐  10.1.2.3:
//	           │ IPv4 root          │  word 1 of block 10, which names a child,
//	           │ first byte: block  │  word 2 of that, which names another,
//	           │ second byte: word  │  word 3 of that
//	block 256  ├────────────────────┤
//	           │ IPv6 root          │  2001:db8::
//	           │ likewise           │  word 1 of block 256 + 0x20,
//	block 512  ├────────────────────┤  word 0x0d of its child,
//	           │ child blocks       │  word 0xb8 of that one's,
//	           │ of both, in no     │  ... until a word is a leaf
//	           │ particular order   │
//	           └────────────────────┘
//
// A word is a child block, a shortcut or a leaf:
//
//	 31 30 29                               0
//	┌──┬──┬──────────────────────────────────┐
//	│ 1│ 0│ number of a child block          │  go on there
//	├──┼──┼──────────────────────────────────┤
//	│ 1│ 1│ number of a shortcut             │  go on as it says
//	├──┼──┴──────────────────────────────────┤
//	│ 0│ value of the longest prefix, or 0   │  the answer
//	└──┴─────────────────────────────────────┘
//
// Values are pushed down to the leaves: a prefix is written to all words whose
// addresses it covers and no longer prefix does, several if its length is not
// one at which a walk can end (16, 24, 32, ...). So the walker keeps no best match
// on its way, and a miss costs no more than a match. A child block is there for as
// long as a prefix ends in it or below it. With 10.0.0.0/14 = 7, 10.1.2.0/23 = 8
// and 10.1.2.3/32 = 9:
//
//	    block 10          block 512         block 513
//	    10.x              10.1.x            10.1.2.x
//	  0 ┌───────┐   ┌─► 0 ┌───────┐   ┌─► 0 ┌───────┐
//	    │   7   │   │     │   7   │   │     │   8   │
//	  1 ├───────┤   │   2 ├───────┤   │   3 ├───────┤
//	    │ child ├───┘     │ child ├───┘     │   9   │
//	  2 ├───────┤       3 ├───────┤       4 ├───────┤
//	    │   7   │         │   8   │         │   8   │
//	  4 ├───────┤       4 ├───────┤     256 └───────┘
//	    │   0   │         │   7   │
//	256 └───────┘     256 └───────┘
//
// # Shortcuts
//
// The way to a host of IPv6 leads through a chain of blocks that have it in one
// word, and the same leaf in all others. A [Shortcut] takes such a chain in one
// step: where the address agrees with its own it leads to the word at the chain's
// end, else to that leaf. With 2001:db8::/32 = 7 and 2001:db8:cafe::1 to ::9:
//
//	2001  0d  b8   ca   fe   0   ...   0    1
//	root, two blocks, one shortcut past 11, and the block of the last byte
//
// The blocks stay where they are, for the writer, who undoes the shortcuts on the
// ways that an update changes before he changes them, and makes them anew at the
// next [Table.Reclaim]. No walk takes more than one: see [LeastNext].
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
//   - A block or shortcut that is no longer needed is unlinked and left as it is,
//     in quarantine, since a reader may be in it. It is used again only after
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
