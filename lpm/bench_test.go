// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// spread makes n prefixes as a routing table has them: most of them long, over
// a few thousand networks. They are the same on each run.
func spread(n int, six bool) []Change {
	rng := rand.New(rand.NewPCG(1, 2))
	changes := make([]Change, n)
	for i := range changes {
		var p netip.Prefix
		if six {
			a := [16]byte{0x20, byte(rng.IntN(16)), byte(rng.Uint32()), byte(rng.IntN(8)),
				byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.IntN(4)), byte(rng.Uint32())}
			p, _ = netip.AddrFrom16(a).Prefix([]int{32, 40, 44, 48, 48, 48, 56, 64}[rng.IntN(8)])
		} else {
			a := [4]byte{byte(1 + rng.IntN(223)), byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32())}
			p, _ = netip.AddrFrom4(a).Prefix([]int{16, 20, 22, 23, 24, 24, 24, 24, 24, 32}[rng.IntN(10)])
		}
		changes[i] = Change{Prefix: p, Value: uint32(i + 1)}
	}
	return changes
}

func newFor(b *testing.B, changes []Change) *Table {
	b.Helper()
	need := BlocksNeeded(func(yield func(netip.Prefix) bool) {
		for _, c := range changes {
			if !yield(c.Prefix) {
				return
			}
		}
	})
	t, err := New(make([]uint32, (need+64)*BlockWords), make([]Shortcut, need/LeastChain))
	if err != nil {
		b.Fatal(err)
	}
	return t
}

func families(b *testing.B, bench func(b *testing.B, changes []Change)) {
	for _, n := range []int{1000, 100000} {
		for _, family := range []string{"IPv4", "IPv6"} {
			b.Run(fmt.Sprintf("family=%s/prefixes=%d", family, n), func(b *testing.B) {
				bench(b, spread(n, family == "IPv6"))
			})
		}
	}
}

// BenchmarkLoad is one batch into a new table.
func BenchmarkLoad(b *testing.B) {
	families(b, func(b *testing.B, changes []Change) {
		for b.Loop() {
			b.StopTimer()
			t := newFor(b, changes)
			b.StartTimer()
			if err := t.Update(changes); err != nil {
				b.Fatal(err)
			}
			t.Reclaim()
			used, _, _ := t.Blocks()
			b.ReportMetric(float64(used), "blocks")
		}
	})
}

// BenchmarkChange adds one prefix and deletes it again, in two updates.
func BenchmarkChange(b *testing.B) {
	for _, add := range []Change{
		{Prefix: netip.MustParsePrefix("10.1.2.0/24"), Value: 1},
		{Prefix: netip.MustParsePrefix("10.1.2.3/32"), Value: 1},
		{Prefix: netip.MustParsePrefix("2001:db8:1:2::/64"), Value: 1},
		{Prefix: netip.MustParsePrefix("2001:db8:1:2::3/128"), Value: 1},
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Value: 1},
	} {
		b.Run("prefix="+add.Prefix.String(), func(b *testing.B) {
			t := newFor(b, spread(100000, false))
			if err := t.Update(spread(100000, false)); err != nil {
				b.Fatal(err)
			}
			steps := [][]Change{{add}, {{Prefix: add.Prefix, Delete: true}}}
			for b.Loop() {
				for _, changes := range steps {
					if err := t.Update(changes); err != nil {
						b.Fatal(err)
					}
				}
				t.Reclaim()
			}
		})
	}
}

// BenchmarkLookup walks for addresses of the table in random order.
func BenchmarkLookup(b *testing.B) {
	families(b, func(b *testing.B, changes []Change) {
		lookUp(b, newFor(b, changes), changes)
	})
}

// BenchmarkLookupServices walks for service addresses: hosts of one network in a
// few others, with shortcuts and without.
func BenchmarkLookupServices(b *testing.B) {
	for _, hosts := range []int{1, 16, 4096} {
		changes := services(hosts)
		for _, shortcuts := range []int{0, hosts + 16} {
			b.Run(fmt.Sprintf("hosts=%d/shortcuts=%v", hosts, shortcuts > 0), func(b *testing.B) {
				t := newFor(b, changes)
				t.taken.total = min(t.taken.total, shortcuts)
				lookUp(b, t, changes)
			})
		}
	}
}

// services makes n hosts, and the networks around them.
func services(n int) []Change {
	var changes []Change
	for i := range n {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 0xca, 0xfe, 14: byte(i >> 8), 15: byte(i + 0x10)})
		changes = append(changes, Change{Prefix: netip.PrefixFrom(a, 128), Value: uint32(i + 100)})
	}
	return append(changes,
		Change{Prefix: netip.MustParsePrefix("2001:db8::/32"), Value: 1},
		Change{Prefix: netip.MustParsePrefix("2001:db8:1:2::/64"), Value: 2},
		Change{Prefix: netip.MustParsePrefix("fe80::/10"), Value: 3},
		Change{Prefix: netip.MustParsePrefix("ff00::/8"), Value: 4})
}

func lookUp(b *testing.B, t *Table, changes []Change) {
	if err := t.Update(changes); err != nil {
		b.Fatal(err)
	}
	t.Reclaim()
	addresses := make([]netip.Addr, 0, len(changes))
	for _, c := range changes {
		addresses = append(addresses, c.Prefix.Addr())
	}
	i, sum := 0, uint32(0)
	for b.Loop() {
		sum += t.Lookup(addresses[i])
		if i++; i == len(addresses) {
			i = 0
		}
	}
	_ = sum
}
