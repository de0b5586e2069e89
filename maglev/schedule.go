// SPDX-License-Identifier: Apache-2.0

package maglev

import "iter"

// schedule says in b.turns who has which of the first n turns.
//
// Turns are sorted by round, then by name. They are counted and then put in
// their places, in time that grows with n alone. To go through the rounds and ask
// each backend would take n rounds, each of all backends, if one backend has
// nearly all the weight.
func (b *Builder) schedule(n int) {
	var heaviest, sum uint64
	for _, l := range b.lists {
		heaviest = max(heaviest, uint64(l.weight))
		sum += uint64(l.weight)
	}
	// A round has sum/heaviest turns on average and never lags behind that, so
	// these have all n.
	rounds := (uint64(n)*heaviest + sum - 1) / sum
	b.rounds = zeroed(b.rounds, int(rounds))
	for _, l := range b.lists {
		for round := range l.turnsBefore(rounds, heaviest) {
			b.rounds[round]++
		}
	}
	// Now let each say where the next turn of its round belongs.
	var before uint32
	for r, turns := range b.rounds {
		b.rounds[r] = before
		before += turns
	}
	b.turns = zeroed(b.turns, n)
	for i, l := range b.lists {
		for round := range l.turnsBefore(rounds, heaviest) {
			if at := b.rounds[round]; at < uint32(n) {
				b.turns[at] = uint16(i)
			}
			b.rounds[round]++
		}
	}
}

// turnsBefore yields the rounds before the given one in which the backend has a
// turn: for turn k, ⌊k · heaviest / weight⌋, without a division for each.
func (l list) turnsBefore(rounds, heaviest uint64) iter.Seq[uint64] {
	weight := uint64(l.weight)
	whole, part := heaviest/weight, heaviest%weight
	return func(yield func(round uint64) bool) {
		var round, rest uint64 // rest is k · heaviest mod weight
		for round < rounds && yield(round) {
			round += whole
			rest += part
			if rest >= weight {
				rest -= weight
				round++
			}
		}
	}
}
