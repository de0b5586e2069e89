// SPDX-License-Identifier: Apache-2.0

package measure

// forwardRows are the figures of the forward lane.
func forwardRows(programs, paths costs) []Row {
	return append(forwardProgramRows(programs), forwardPathRows(paths)...)
}

// forwardProgramRows are the figures of M1. A net cost is what comes on top of the
// empty program with the same traffic.
func forwardProgramRows(c costs) []Row {
	more := func(traffic string) Series {
		return c.series[traffic+oursMany].minus(c.series[traffic+ours])
	}
	return []Row{
		{"M1", "IPv4 forwarded, 10 routes, 1 allow prefix: Clearway / (a), net", "x", atMost(1.70), c.net(forward4, ours).over(c.net(forward4, fib))},
		{"M1", "IPv4 not allowed: Clearway, net", "ns", atMost(40), c.net(miss4, ours)},
		{"M1", "IPv4 not allowed: Clearway / (e), net", "x", atMost(2.6), c.net(miss4, ours).over(c.net(miss4, fixed))},
		{"M1", "IPv4 not allowed, 1,024 flows: 10,000 allow prefixes − 1", "ns", atMost(12), more(miss4)},
		{"M1", "IPv4 not allowed, 65,536 flows: 10,000 allow prefixes − 1", "ns", atMost(35), more(missMany4)},
		{"M1", "IPv6 forwarded, 10 routes, 1 allow prefix: Clearway / (a), net", "x", Target{}, c.net(forward6, ours).over(c.net(forward6, fib))},
		{"M1", "IPv6 not allowed: Clearway, net", "ns", Target{}, c.net(miss6, ours)},
	}
}

// forwardPathRows are the figures of M2: how many times the packets a second of the
// peer.
func forwardPathRows(c costs) []Row {
	against := func(peer string) Series { return c.series[path+peer].over(c.series[path+ours]) }
	return []Row{
		{"M2", "packets a second: Clearway / (c) Linux", "x", atLeast(2.7), against(linux)},
		{"M2", "packets a second: Clearway / (d) Linux, conntrack before 100 rules", "x", atLeast(3.4), against(conntrack)},
		{"M2", "packets a second: Clearway / Linux, conntrack behind 100 rules", "x", Target{}, against(rules)},
		{"M2", "packets a second: Clearway / (a) bpf_fib_lookup", "x", Target{}, against(fib)},
		{"M2", "packets a second: Clearway / (e) fixed next hop", "x", Target{}, against(fixed)},
	}
}
