// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"net/netip"
	"slices"

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

// knownFlows is traffic of flows that all have packets behind them. What is
// compared stands side by side.
func (all *balancers) knownFlows(b *bench, f family) (runs []programRun, err error) {
	for _, flows := range []struct {
		name string
		n    int
	}{
		{oneFlow, 1}, {some, someFlows}, {many, manyFlows}, {most, mostFlows},
	} {
		name, clients := f.to(flows.name), all.clients[:flows.n]
		some, err := all.steady(b, f, name, clients)
		if err != nil {
			return nil, err
		}
		runs = append(runs, some...)
		for _, t := range []struct {
			name string
			how  dataplane.Tracking
		}{
			{never, dataplane.TrackNever}, {always, dataplane.TrackAlways},
		} {
			if t.how == dataplane.TrackAlways && flows.n > alwaysKnown {
				continue // there is no room
			}
			feed, err := clientTraffic{f.service(t.how), clients, flagACK}.feedFor(b, all.lab)
			if err != nil {
				return nil, err
			}
			runs = append(runs, programRun{name + t.name, feed, all.with.decide, balances, all.with.counts(dataplane.Balanced)})
		}
	}
	return runs, nil
}

// steady is traffic to the service that tracks changed, through all contenders.
func (all *balancers) steady(b *bench, f family, name string, clients []client) ([]programRun, error) {
	traffic := clientTraffic{f.service(dataplane.TrackChanged), clients, flagACK}
	feed, err := traffic.feedFor(b, all.lab)
	if err != nil {
		return nil, err
	}
	runs := []programRun{
		{name + empty, feed, all.empty, passes, nil},
		{name + headMoved, feed, f.program(all.floors.Moved4, all.floors.Moved6), moves, nil},
		{name + fixedBackend, feed, f.program(all.floors.FixedBackend4, all.floors.FixedBackend6), balances, nil},
	}
	if len(clients) == manyFlows {
		c, err := all.knowing(b, f, traffic, manyFlows)
		if err != nil {
			return nil, err
		}
		runs = append(runs, programRun{name + othersAlone, feed, c.program(f), balances, c.counts(true)})
	}
	c, err := all.knowing(b, f, traffic, crowded)
	if err != nil {
		return nil, err
	}
	return append(runs,
		programRun{name + others, feed, c.program(f), balances, c.counts(true)},
		programRun{name + ours, feed, all.with.decide, balances, all.with.counts(dataplane.Balanced)},
	), nil
}

// knowing is a peer (c) that knows the clients, among so many.
func (all *balancers) knowing(b *bench, f family, t clientTraffic, among int) (*classical, error) {
	c, err := b.newClassical()
	if err != nil {
		return nil, err
	}
	return c, t.prime(all.lab, b.CPU, b.random, c.program(f), among)
}

// alwaysKnown is how many flows of each family Clearway knows where it tracks
// always: it has one map for both.
const alwaysKnown = crowded / 2

// primeAlways makes the first clients known to the services that track always, in
// no order, and the families in turns: what came later is found sooner.
func (all *balancers) primeAlways(b *bench) error {
	const turns = 64 // a divisor of their number
	clients := slices.Clone(all.clients[:alwaysKnown])
	b.random.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
	var feeds []*feed
	for _, f := range families {
		feed, err := clientTraffic{f.service(dataplane.TrackAlways), clients, flagACK}.feedFor(b, all.lab)
		if err == nil {
			err = feed.to(all.with.decide)
		}
		if err != nil {
			return err
		}
		feeds = append(feeds, feed)
	}
	for range turns {
		for _, f := range feeds {
			if _, _, _, err := f.run(len(clients)/turns, nil); err != nil {
				return err
			}
		}
	}
	return nil
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
		{name + arrayTables, feed, all.array.Read, balances, nil},
		{name + calledTables, feed, all.array.Nested, balances, nil},
		{name + equalTables, feed, all.equal.Nested, balances, nil},
		{name + hashTables, feed, all.hash.Nested, balances, nil},
	}, nil
}
