// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"net/netip"
	"testing"
)

// FuzzTable reads its input as updates. Each change takes four bytes:
//
//	0  bit 7 ends the batch, bit 6 reclaims after it, bit 5 deletes,
//	   bits 0-2 choose the centre that the address is near
//	1  length of the prefix, modulo what the family has
//	2  bit of the address to flip, likewise
//	3  value
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x00\x20\x00\x01\x80\x08\x00\x02\xa0\x20\x00\x00"))
	f.Add([]byte("\xc4\x80\x7f\x01\xe4\x80\x7f\x00\x84\x40\x00\x02\x07\x00\x00\x03"))
	f.Add([]byte("\x01\x19\x1f\x01\x80\x20\x1f\x02\x21\x19\x1f\x00\xc1\x18\x00\x04"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t, RootBlocks+40)
		var batch []Change
		for ; len(data) >= 4 && len(w.slow) < 100; data = data[4:] {
			batch = append(batch, fuzzChange(data))
			if data[0]&0x80 == 0 && len(data) >= 8 {
				continue
			}
			w.update(batch)
			for _, c := range batch {
				w.check(edges(c.Prefix))
			}
			if data[0]&0x40 != 0 {
				w.table.Reclaim()
				for _, c := range batch {
					w.check(edges(c.Prefix))
				}
			}
			batch = nil
		}
		checkStructure(t, w.table, w.slow)
		w.emptyOut()
	})
}

func fuzzChange(data []byte) Change {
	b := centres[data[0]&7].AsSlice()
	bit := int(data[2]) % (8 * len(b))
	b[bit/8] ^= 0x80 >> (bit % 8)
	a, _ := netip.AddrFromSlice(b)
	p, _ := a.Prefix(int(data[1]) % (a.BitLen() + 1))
	return Change{Prefix: p, Value: uint32(data[3]), Delete: data[0]&0x20 != 0}
}
