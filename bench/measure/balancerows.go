// SPDX-License-Identifier: Apache-2.0

package measure

import "clearway/bench/harness"

// balanceRows are the figures of the balance lane.
func balanceRows(c harness.Costs) []harness.Row {
	var rows []harness.Row
	for _, f := range families {
		rows = append(rows, knownFlowRows(c, f)...)
		rows = append(rows, trackingRows(c, f)...)
		rows = append(rows, pastServiceRows(c, f)...)
	}
	rows = append(rows, tableRows(c)...)
	for _, f := range families {
		rows = append(rows, balancePathRows(c, f)...)
	}
	return rows
}

// knownFlowRows compare packets of known flows, on services that track changed.
func knownFlowRows(c harness.Costs, f family) []harness.Row {
	one, many, most := f.to(oneFlow), f.to(many), f.to(most)
	against := func(traffic, peer string) harness.Series { return net(c, traffic, ours).Over(net(c, traffic, peer)) }
	grown := func(traffic, contender string) harness.Series {
		return net(c, traffic, contender).Over(net(c, one, contender))
	}
	return []harness.Row{
		harness.Ratio("M1", f.name+" balanced, one flow: Clearway / (a), net", against(one, fixedBackend)).AtMost(4.4),
		harness.Ratio("M1", f.name+" balanced, one flow: Clearway / (c), net", against(one, others)).AtMost(0.95),
		harness.Ratio("M1", f.name+" balanced, 1,024 flows: Clearway / (c), net", against(f.to(some), others)),
		harness.Ratio("M1", f.name+" balanced, 65,536 flows: Clearway / (c), net", against(many, others)).AtMost(0.40),
		harness.Ratio("M1", f.name+" balanced, 65,536 flows: Clearway / (c) that knows no others, net", against(many, othersAlone)),
		harness.Ratio("M1", f.name+" balanced, 1,000,000 flows: Clearway / (c), net", against(most, others)),
		harness.Ratio("M1", f.name+" balanced, Clearway: 65,536 flows / one, net", grown(many, ours)).AtMost(1.15),
		harness.Ratio("M1", f.name+" balanced, (c): 65,536 flows / one, net", grown(many, others)),
		harness.Ratio("M1", f.name+" balanced, Clearway: 1,000,000 flows / one, net", grown(most, ours)),
		harness.Ratio("M1", f.name+" balanced, (c): 1,000,000 flows / one, net", grown(most, others)),
	}
}

// trackingRows compare ways of tracking, and of new flows with known ones.
func trackingRows(c harness.Costs, f family) []harness.Row {
	one, some, many, start := f.to(oneFlow), f.to(some), f.to(many), f.to(newFlows)
	more := func(traffic string) harness.Series { return c.Of(traffic + ours).Minus(c.Of(traffic + never)) }
	tracked := func(traffic string) harness.Series { return net(c, traffic, always).Over(net(c, traffic, others)) }
	return []harness.Row{
		harness.Nanoseconds("M1", f.name+" balanced, one flow: settled − tracking never", more(one)).AtMost(3),
		harness.Nanoseconds("M1", f.name+" balanced, 1,024 flows: settled − tracking never", more(some)).AtMost(3),
		harness.Nanoseconds("M1", f.name+" balanced, 65,536 flows: settled − tracking never", more(many)).AtMost(3),
		harness.Nanoseconds("M1", f.name+" balanced, 1,000,000 flows: settled − tracking never", more(f.to(most))).AtMost(3),
		harness.Ratio("M1", f.name+" balanced: a SYN always new / an ACK of one flow, net", net(c, start, ours).Over(net(c, one, ours))).AtMost(1.2),
		harness.Ratio("M1", f.name+" balanced, a SYN always new: Clearway / (c), net", net(c, start, ours).Over(net(c, start, others))),
		harness.Ratio("M1", f.name+" balanced, one flow: tracking always / (c), net", tracked(one)).AtMost(1),
		harness.Ratio("M1", f.name+" balanced, 1,024 flows: tracking always / (c), net", tracked(some)).AtMost(1),
		harness.Ratio("M1", f.name+" balanced, 65,536 flows: tracking always / (c), net", tracked(many)).AtMost(1),
	}
}

// pastServiceRows say what services cost the traffic for none.
func pastServiceRows(c harness.Costs, f family) []harness.Row {
	more := func(what string) harness.Series { return c.Of(f.past(what) + ours).Minus(c.Of(f.past(what) + without)) }
	return []harness.Row{
		harness.Nanoseconds("M1", f.name+" to no service: with services − without", more(noService)).AtMost(30),
		harness.Nanoseconds("M1", f.name+" to another port of a service address: with services − without", more(otherPort)).AtMost(30),
	}
}

// tableRows compare tables of each service with one for all.
func tableRows(c harness.Costs) []harness.Row {
	one := families[0].to(oneFlow)
	more := func(tables string) harness.Series { return c.Of(one + tables).Minus(c.Of(one + flatTable)) }
	return []harness.Row{
		harness.Nanoseconds("M1", "least balancer, one flow: array of tables − one flat table", more(arrayTables)).AtMost(4),
		harness.Nanoseconds("M1", "least balancer, one flow: array of tables, looked up by a call − one flat table", more(calledTables)),
		harness.Nanoseconds("M1", "least balancer, one flow: array of tables of one size − one flat table", more(equalTables)),
		harness.Nanoseconds("M1", "least balancer, one flow: hash of tables − one flat table", more(hashTables)),
	}
}

// balancePathRows are the figures of M2.
func balancePathRows(c harness.Costs, f family) []harness.Row {
	against := func(peer string) harness.Series { return c.Of(f.roundTrip() + peer).Over(c.Of(f.roundTrip() + ours)) }
	return []harness.Row{
		harness.Ratio("M2", f.name+" packets a second, balanced: Clearway / sent back as they are", against(sentBack)).AtLeast(0.85),
		harness.Ratio("M2", f.name+" packets a second, balanced: Clearway / (a) fixed backend", against(fixedBackend)),
		harness.Ratio("M2", f.name+" packets a second, balanced: Clearway / (c) classical balancer", against(others)),
	}
}
