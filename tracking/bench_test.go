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
