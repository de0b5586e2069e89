// SPDX-License-Identifier: Apache-2.0

package measure

// balanceRows are the figures of the balance lane.
func balanceRows(programs, paths costs) []Row {
	var rows []Row
	for _, f := range families {
		rows = append(rows, knownFlowRows(programs, f)...)
		rows = append(rows, trackingRows(programs, f)...)
		rows = append(rows, pastServiceRows(programs, f)...)
	}
	rows = append(rows, tableRows(programs)...)
	return append(rows, balancePathRows(paths)...)
}

// knownFlowRows compare packets of known flows, on services that track changed.
func knownFlowRows(c costs, f family) []Row {
	one, many, most := f.to(oneFlow), f.to(many), f.to(most)
	against := func(traffic, peer string) Series { return c.net(traffic, ours).over(c.net(traffic, peer)) }
	grown := func(traffic, contender string) Series { return c.net(traffic, contender).over(c.net(one, contender)) }
	return []Row{
		{"M1", f.name + " balanced, one flow: Clearway / (a), net", "x", atMost(4.4), against(one, fixedBackend)},
		{"M1", f.name + " balanced, one flow: Clearway / (c), net", "x", atMost(0.95), against(one, others)},
		{"M1", f.name + " balanced, 1,024 flows: Clearway / (c), net", "x", Target{}, against(f.to(some), others)},
		{"M1", f.name + " balanced, 65,536 flows: Clearway / (c), net", "x", atMost(0.40), against(many, others)},
		{"M1", f.name + " balanced, 65,536 flows: Clearway / (c) that knows no others, net", "x", Target{}, against(many, othersAlone)},
		{"M1", f.name + " balanced, 1,000,000 flows: Clearway / (c), net", "x", Target{}, against(most, others)},
		{"M1", f.name + " balanced, Clearway: 65,536 flows / one, net", "x", atMost(1.15), grown(many, ours)},
		{"M1", f.name + " balanced, (c): 65,536 flows / one, net", "x", Target{}, grown(many, others)},
		{"M1", f.name + " balanced, Clearway: 1,000,000 flows / one, net", "x", Target{}, grown(most, ours)},
	}
}

// trackingRows compare ways of tracking, and of new flows with known ones.
func trackingRows(c costs, f family) []Row {
	one, many, start := f.to(oneFlow), f.to(many), f.to(newFlows)
	more := func(traffic string) Series { return c.series[traffic+ours].minus(c.series[traffic+never]) }
	return []Row{
		{"M1", f.name + " balanced, one flow: settled − tracking never", "ns", atMost(3), more(one)},
		{"M1", f.name + " balanced, 1,024 flows: settled − tracking never", "ns", Target{}, more(f.to(some))},
		{"M1", f.name + " balanced, 65,536 flows: settled − tracking never", "ns", Target{}, more(many)},
		{"M1", f.name + " balanced: a SYN always new / an ACK of one flow, net", "x", atMost(1.2), c.net(start, ours).over(c.net(one, ours))},
		{"M1", f.name + " balanced, a SYN always new: Clearway / (c), net", "x", Target{}, c.net(start, ours).over(c.net(start, others))},
		{"M1", f.name + " balanced, one flow: tracking always / (c), net", "x", atMost(1), c.net(one, always).over(c.net(one, others))},
		{"M1", f.name + " balanced, 65,536 flows: tracking always / (c), net", "x", atMost(1), c.net(many, always).over(c.net(many, others))},
	}
}

// pastServiceRows say what services cost the traffic for none.
func pastServiceRows(c costs, f family) []Row {
	more := func(what string) Series {
		return c.series[f.past(what)+ours].minus(c.series[f.past(what)+without])
	}
	return []Row{
		{"M1", f.name + " to no service: with services − without", "ns", atMost(30), more(noService)},
		{"M1", f.name + " to another port of a service address: with services − without", "ns", atMost(30), more(otherPort)},
	}
}

// tableRows compare tables of each service with one for all.
func tableRows(c costs) []Row {
	one := families[0].to(oneFlow)
	more := func(tables string) Series { return c.series[one+tables].minus(c.series[one+flatTable]) }
	return []Row{
		{"M1", "least balancer, one flow: array of tables − one flat table", "ns", atMost(4), more(arrayTables)},
		{"M1", "least balancer, one flow: array of tables of one size − one flat table", "ns", Target{}, more(equalTables)},
		{"M1", "least balancer, one flow: hash of tables − one flat table", "ns", Target{}, more(hashTables)},
	}
}

// balancePathRows are the figures of M2.
func balancePathRows(c costs) []Row {
	against := func(peer string) Series { return c.series[roundTrip+peer].over(c.series[roundTrip+ours]) }
	return []Row{
		{"M2", "packets a second, balanced: Clearway / sent back as they are", "x", atLeast(0.85), against(sentBack)},
		{"M2", "packets a second, balanced: Clearway / (a) fixed backend", "x", Target{}, against(fixedBackend)},
		{"M2", "packets a second, balanced: Clearway / (c) classical balancer", "x", Target{}, against(others)},
	}
}
