// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"fmt"
	"testing"
	"time"
)

// backendsOf are n backends, whose weights are all 1 or given by their index.
func backendsOf(n int, weight func(i int) uint32) []Backend {
	backends := make([]Backend, n)
	for i := range backends {
		backends[i] = Backend{Name: fmt.Sprintf("192.0.%d.%d", i/256, i%256), Weight: 1}
		if weight != nil {
			backends[i].Weight = weight(i)
		}
	}
	return backends
}

// TestBuildTime logs how long the paper's usual table takes, which should be at
// most 4 ms. Only ten times that fails, since others may use the machine.
func TestBuildTime(t *testing.T) {
	var builder Builder
	table, backends := make(Table, 65537), backendsOf(100, nil)
	best := time.Hour
	for range 10 {
		start := time.Now()
		if err := builder.Build(table, 1, backends); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	if t.Logf("%d slots, %d backends: %v", len(table), len(backends), best); best > 40*time.Millisecond {
		t.Errorf("a table takes %v, want at most 4 ms", best)
	}
}

func BenchmarkBuild(b *testing.B) {
	mixed := func(i int) uint32 { return uint32(i*7%10 + 1) }
	skewed := func(i int) uint32 {
		if i == 0 {
			return 1 << 31
		}
		return 1
	}
	for _, bench := range []struct {
		size, backends int
		weights        string
		weight         func(i int) uint32
	}{
		{251, 2, "equal", nil},
		{1021, 10, "equal", nil},
		{16381, 10, "equal", nil},
		{65537, 10, "equal", nil},
		{65537, 100, "equal", nil},
		{65537, 100, "mixed", mixed},
		{65537, 100, "skewed", skewed},
		{65537, 1000, "equal", nil},
		{131071, 1000, "mixed", mixed},
		{131071, 32767, "skewed", skewed},
	} {
		b.Run(fmt.Sprintf("size=%d/backends=%d/weights=%s", bench.size, bench.backends, bench.weights), func(b *testing.B) {
			var builder Builder
			table, backends := make(Table, bench.size), backendsOf(bench.backends, bench.weight)
			b.ReportAllocs()
			for b.Loop() {
				if err := builder.Build(table, 1, backends); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDisruption(b *testing.B) {
	for _, sizes := range [][2]int{{65537, 65537}, {16381, 65537}} {
		b.Run(fmt.Sprintf("old=%d/new=%d/backends=100", sizes[0], sizes[1]), func(b *testing.B) {
			backends := backendsOf(100, nil)
			old := Assignment{mustBuild(b, sizes[0], 1, backends), backends}
			new := Assignment{mustBuild(b, sizes[1], 1, backends[1:]), backends[1:]}
			for b.Loop() {
				mustDisrupt(b, old, new)
			}
		})
	}
}
