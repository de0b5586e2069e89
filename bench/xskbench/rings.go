// SPDX-License-Identifier: Apache-2.0

package xskbench

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"clearway/bench/harness"
)

// ringCosts is M4: package xsk's own benchmarks, whose rings lie in plain memory.
func ringCosts(ctx context.Context, o harness.Options, program string) (harness.Costs, error) {
	var contenders []harness.Contender
	for _, work := range works {
		contenders = append(contenders, harness.Contender{Name: work + rings, Sample: func() (float64, error) {
			out, err := run(ctx, "", "taskset", "--cpu-list", strconv.Itoa(o.CPU), program, "-test.run", "^$",
				"-test.bench", "(?i)^Benchmark"+work+"$", "-test.benchtime", o.Duration.String())
			if err != nil {
				return 0, err
			}
			return nanoseconds(out)
		}})
	}
	return harness.Interleave(ctx, o, "M4", contenders)
}

// nanoseconds finds what a packet took in a benchmark's output.
func nanoseconds(out string) (float64, error) {
	before, _, found := strings.Cut(out, " ns/packet")
	fields := strings.Fields(before)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("no ns/packet in the output: %s", out)
	}
	return strconv.ParseFloat(fields[len(fields)-1], 64)
}
