// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"fmt"
	"testing"
	"time"
)

// spread gives slots to n backends, 1 to n, but for those without.
func spread(size, n int, without uint16) []uint16 {
	owners := make([]uint16, size)
	for i := range owners {
		owners[i] = uint16(uint32(i)*2654435761%uint32(n)) + 1
		if owners[i] == without {
			owners[i] = uint16(i%n) + 1
		}
	}
	return owners
}

func allOf(n int, flags Backend) Backends {
	b := make(Backends, n+1)
	for i := range n {
		b[i+1] = flags
	}
	return b
}

func BenchmarkMerge(b *testing.B) {
	for _, size := range []int{16381, 131071} {
		all, fewer := spread(size, 1000, 0), spread(size, 1000, 7)
		backends := allOf(1000, Alive|Accept)
		for _, bench := range []struct {
			name  string
			other []uint16
		}{{"none", all}, {"one", fewer}, {"all", spread(size, 999, 0)}} {
			b.Run(fmt.Sprintf("size=%d/moves=%s", size, bench.name), func(b *testing.B) {
				t := New(all)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					owners := all
					if i%2 == 0 {
						owners = bench.other
					}
					t.Merge(owners, backends, time.Duration(i))
				}
			})
		}
	}
}

func BenchmarkSettle(b *testing.B) {
	t := New(spread(131071, 1000, 0))
	t.Merge(spread(131071, 1000, 7), allOf(1000, Alive|Accept), 0)
	b.ReportAllocs()
	for b.Loop() {
		t.Settle(0, time.Minute)
	}
}

func BenchmarkChoose(b *testing.B) {
	backends, clock := allOf(2, Alive|Accept), Clock{Seconds: 1000, Refresh: 450}
	r := Flow{Backend: 1, Confirmed: true, Seen: 1000}
	for _, bench := range []struct {
		name   string
		slot   Slot
		record *Flow
	}{{"settled", slotOf("AA"), nil}, {"record", slotOf("AA l"), &r}, {"none", slotOf("BA l"), nil}} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				Choose(bench.slot, Packet{}, bench.record, backends, clock)
			}
		})
	}
}

// TestMergeTime logs how long the largest table takes, which should be less than
// a millisecond. Only ten times that fails, since others may use the machine.
func TestMergeTime(t *testing.T) {
	all, fewer := spread(131071, 1000, 0), spread(131071, 1000, 7)
	table, backends := New(all), allOf(1000, Alive|Accept)
	best := time.Hour
	for i := range 20 {
		owners := all
		if i%2 == 0 {
			owners = fewer
		}
		start := time.Now()
		table.Merge(owners, backends, 0)
		best = min(best, time.Since(start))
	}
	if t.Logf("131071 slots: %v", best); best > 10*time.Millisecond {
		t.Errorf("to merge takes %v, want less than 1 ms", best)
	}
}
