// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"net/netip"

	"clearway/dataplane"
)

// feedFor is feed, closed in the end.
func (t clientTraffic) feedFor(b *bench, l *lab) (*feed, error) {
	f, err := t.feed(l, b.CPU)
	if err != nil {
		return nil, err
	}
	b.later(f.close)
	return f, nil
}

// newClassical is the function of that name; closed in the end.
func (b *bench) newClassical() (*classical, error) {
	c, err := newClassical(services)
	if err != nil {
		return nil, err
	}
	b.later(c.Close)
	return c, nil
}

// knownFlows is traffic of flows that all have packets behind them.
func (all *balancers) knownFlows(b *bench, f family) (runs []programRun, err error) {
	for _, flows := range []struct {
		name string
		n    int
	}{{oneFlow, 1}, {some, someFlows}, {many, manyFlows}, {most, mostFlows}} {
		name := f.to(flows.name)
		traffic := clientTraffic{f.service(dataplane.TrackChanged), all.clients[:flows.n], flagACK}
		feed, err := traffic.feedFor(b, all.lab)
		if err != nil {
			return nil, err
		}
		c, err := all.knowing(b, f, traffic, crowded)
		if err != nil {
			return nil, err
		}
		runs = append(runs,
			programRun{name + empty, feed, all.empty, passes, nil},
			programRun{name + headMoved, feed, f.program(all.floors.Moved4, all.floors.Moved6), moves, nil},
			programRun{name + fixedBackend, feed, f.program(all.floors.FixedBackend4, all.floors.FixedBackend6), balances, nil},
			programRun{name + others, feed, c.program(f), balances, c.counts(true)},
			programRun{name + ours, feed, all.with.decide, balances, all.with.counts(dataplane.Balanced)},
		)
		if flows.n != manyFlows {
			continue
		}
		if c, err = all.knowing(b, f, traffic, 0); err != nil {
			return nil, err
		}
		runs = append(runs, programRun{name + othersAlone, feed, c.program(f), balances, c.counts(true)})
	}
	return runs, nil
}

// knowing is a peer (c) that knows the clients, among so many.
func (all *balancers) knowing(b *bench, f family, t clientTraffic, among int) (*classical, error) {
	c, err := b.newClassical()
	if err != nil {
		return nil, err
	}
	return c, t.prime(all.lab, b.CPU, b.random, c.program(f), among)
}

// trackings is the same for services that track otherwise.
func (all *balancers) trackings(b *bench, f family) (runs []programRun, err error) {
	for _, t := range []struct {
		name     string
		tracking dataplane.Tracking
		flows    string
		n, among int // Clearway has one LRU for both families
	}{
		{never, dataplane.TrackNever, oneFlow, 1, 1},
		{always, dataplane.TrackAlways, oneFlow, 1, 1},
		{never, dataplane.TrackNever, some, someFlows, someFlows},
		{always, dataplane.TrackAlways, some, someFlows, someFlows},
		{never, dataplane.TrackNever, many, manyFlows, manyFlows},
		{always, dataplane.TrackAlways, many, manyFlows, crowded / 2},
		{never, dataplane.TrackNever, most, mostFlows, mostFlows},
	} {
		traffic := clientTraffic{f.service(t.tracking), all.clients[:t.n], flagACK}
		feed, err := traffic.feedFor(b, all.lab)
		if err != nil {
			return nil, err
		}
		if err := traffic.prime(all.lab, b.CPU, b.random, all.with.decide, t.among); err != nil {
			return nil, err
		}
		runs = append(runs, programRun{f.to(t.flows) + t.name, feed, all.with.decide, balances, all.with.counts(dataplane.Balanced)})
	}
	return runs, nil
}

// newFlows is a SYN of a client that was never seen, again and again.
func (all *balancers) newFlows(b *bench, f family) ([]programRun, error) {
	to := f.service(dataplane.TrackChanged)
	feed, err := clientTraffic{to, nil, flagSYN}.feedFor(b, all.lab)
	if err != nil {
		return nil, err
	}
	c, err := b.newClassical()
	if err != nil {
		return nil, err
	}
	if err := crowd(to, all.lab, b.CPU, c.program(f)); err != nil {
		return nil, err
	}
	name := f.to(newFlows)
	return []programRun{
		{name + empty, feed, all.empty, passes, nil},
		{name + others, feed, c.program(f), balances, c.counts(false)},
		{name + ours, feed, all.with.decide, balances, all.with.counts(dataplane.Balanced)},
	}, nil
}

// pastServices is traffic for none, through Clearway with services and without.
func (all *balancers) pastServices(b *bench, f family) (runs []programRun, err error) {
	service := f.service(dataplane.TrackChanged)
	for _, t := range []struct {
		name string
		to   netip.AddrPort
	}{
		{f.past(noService), netip.AddrPortFrom(f.nobody(), servicePort)},
		{f.past(otherPort), netip.AddrPortFrom(service.Addr(), servicePort+1)},
	} {
		traffic := clientTraffic{t.to, all.clients[:someFlows], flagACK}
		with, err := traffic.feedFor(b, all.lab)
		if err != nil {
			return nil, err
		}
		bare, err := traffic.feedFor(b, all.bare)
		if err != nil {
			return nil, err
		}
		runs = append(runs,
			programRun{t.name + ours, with, all.with.decide, passes, all.with.counts(dataplane.PassNoMatch)},
			programRun{t.name + without, bare, all.without.decide, passes, all.without.counts(dataplane.PassNoMatch)},
		)
	}
	return runs, nil
}

// tables is what a table of its own for each service costs.
func (all *balancers) tables(b *bench) ([]programRun, error) {
	f := families[0]
	feed, err := clientTraffic{f.service(dataplane.TrackChanged), all.clients[:1], flagACK}.feedFor(b, all.lab)
	if err != nil {
		return nil, err
	}
	name := f.to(oneFlow)
	return []programRun{
		{name + flatTable, feed, all.array.Flat, balances, nil},
		{name + arrayTables, feed, all.array.Nested, balances, nil},
		{name + equalTables, feed, all.equal.Nested, balances, nil},
		{name + hashTables, feed, all.hash.Nested, balances, nil},
	}, nil
}
