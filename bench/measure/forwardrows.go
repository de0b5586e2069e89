// SPDX-License-Identifier: Apache-2.0

package measure

import "clearway/bench/harness"

// forwardRows are the figures of the forward lane.
func forwardRows(c harness.Costs) []harness.Row {
	return append(forwardProgramRows(c), forwardPathRows(c)...)
}

// forwardProgramRows are the figures of M1. A net cost is what comes on top of the
// empty program with the same traffic.
func forwardProgramRows(c harness.Costs) []harness.Row {
	against := func(traffic, peer string) harness.Series { return net(c, traffic, ours).Over(net(c, traffic, peer)) }
	more := func(traffic string) harness.Series { return c.Of(traffic + oursMany).Minus(c.Of(traffic + ours)) }
	return []harness.Row{
		harness.Ratio("M1", "IPv4 forwarded, 10 routes, 1 allow prefix: Clearway / (a), net", against(forward4, fib)).AtMost(1.7),
		harness.Nanoseconds("M1", "IPv4 not allowed: Clearway, net", net(c, miss4, ours)).AtMost(40),
		harness.Ratio("M1", "IPv4 not allowed: Clearway / (e), net", against(miss4, fixed)).AtMost(2.6),
		harness.Nanoseconds("M1", "IPv4 not allowed, 1,024 flows: 10,000 allow prefixes − 1", more(miss4)).AtMost(12),
		harness.Nanoseconds("M1", "IPv4 not allowed, 65,536 flows: 10,000 allow prefixes − 1", more(missMany4)).AtMost(35),
		harness.Ratio("M1", "IPv6 forwarded, 10 routes, 1 allow prefix: Clearway / (a), net", against(forward6, fib)),
		harness.Nanoseconds("M1", "IPv6 not allowed: Clearway, net", net(c, miss6, ours)),
	}
}

// forwardPathRows are the figures of M2: how many times the packets a second of the
// peer.
func forwardPathRows(c harness.Costs) []harness.Row {
	against := func(peer string) harness.Series { return c.Of(path + peer).Over(c.Of(path + ours)) }
	return []harness.Row{
		harness.Ratio("M2", "packets a second: Clearway / (c) Linux", against(linux)).AtLeast(2.7),
		harness.Ratio("M2", "packets a second: Clearway / (d) Linux, conntrack before 100 rules", against(conntrack)).AtLeast(3.4),
		harness.Ratio("M2", "packets a second: Clearway / Linux, conntrack behind 100 rules", against(rules)),
		harness.Ratio("M2", "packets a second: Clearway / (a) bpf_fib_lookup", against(fib)),
		harness.Ratio("M2", "packets a second: Clearway / (e) fixed next hop", against(fixed)),
	}
}
