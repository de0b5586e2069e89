// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
)

// prefix is a netip.Prefix without pointers, small enough to be the key of a
// large map, whose bytes can be indexed.
type prefix struct {
	address [16]byte // IPv4: the first four
	bits    uint8
	family  uint8 // 0 IPv4, 1 IPv6
}

func newPrefix(a netip.Addr, bits int) prefix {
	p := prefix{bits: uint8(bits)}
	if a.Is4() {
		a4 := a.As4()
		copy(p.address[:], a4[:])
	} else {
		p.address = a.As16()
		p.family = 1
	}
	return p
}

// A level is a step of the walk: 0 is the root, level n has the blocks that
// byte n+1 of an address indexes. A prefix of 17 to 24 bits ends at level 1.
const maxLevel = 14

func (p *prefix) level() int {
	return max(0, int(p.bits)-9) / 8
}

// root is the index of the word of the root: its blocks lie one after another,
// so it is one array of 65,536 words a family.
func (p *prefix) root() int {
	return int(p.family)*Root6*BlockWords + int(p.address[0])*BlockWords + int(p.address[1])
}

// index is that of the word within its block at a level of 1 or more.
func (p *prefix) index(level int) int {
	return int(p.address[level+1])
}

// halves is an IPv6 address as two numbers.
func (p *prefix) halves() (first, last uint64) {
	return binary.BigEndian.Uint64(p.address[:8]), binary.BigEndian.Uint64(p.address[8:])
}

// span is the number of words that the prefix covers at its level.
func (p *prefix) span() int {
	return 1 << (16 + 8*p.level() - int(p.bits))
}

// wordOf is the index in memory of a word in a block.
func wordOf(block uint32, index int) int {
	return int(block)*BlockWords + index
}

// shorten cuts the prefix to fewer bits.
func (p *prefix) shorten(bits int) {
	whole := bits / 8
	p.address[whole] &= ^byte(0xff >> (bits % 8))
	for i := whole + 1; i <= int(p.bits-1)/8; i++ {
		p.address[i] = 0
	}
	p.bits = uint8(bits)
}

// compare orders by family, then address, then length.
func (p *prefix) compare(q *prefix) int {
	return cmp.Or(
		cmp.Compare(p.family, q.family),
		bytes.Compare(p.address[:], q.address[:]),
		cmp.Compare(p.bits, q.bits),
	)
}

// sharedLevels is the number of levels below the root at which both addresses
// go through the same block.
func (p *prefix) sharedLevels(q *prefix) int {
	if p.family != q.family {
		return 0
	}
	n := 0
	for n < len(p.address) && p.address[n] == q.address[n] {
		n++
	}
	return max(0, n-1)
}
