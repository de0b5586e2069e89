// SPDX-License-Identifier: Apache-2.0

package xskbench

import "clearway/bench/harness"

// workRows are the figures of M3 of a work: packets a second are the inverse of
// what one costs.
func workRows(work string, c harness.Costs, allocations harness.Series) []harness.Row {
	against := func(peer string) harness.Series { return c.Of(work + peer).Over(c.Of(work + ours)) }
	return []harness.Row{
		harness.Ratio("M3", "packets a second, "+work+": xsk / C on libxdp", against(inC)).AtLeast(0.98),
		harness.Ratio("M3", "packets a second, "+work+": xsk / AF_PACKET with mapped rings", against(packet)),
		harness.Number("M3", "allocations, "+work+": xsk", allocations).AtMost(0),
	}
}

// ringRows are the figures of M4.
func ringRows(c harness.Costs) (rows []harness.Row) {
	most := map[string]float64{"receive": 3, "send": 3, "forward": 6}
	for _, work := range works {
		rows = append(rows, harness.Nanoseconds("M4", "a descriptor in user space, "+work+": xsk", c.Of(work+rings)).AtMost(most[work]))
	}
	return rows
}
