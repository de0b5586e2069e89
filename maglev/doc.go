// SPDX-License-Identifier: Apache-2.0

// Package maglev builds the look-up tables of Maglev hashing: which backend
// gets which share of a service's flows, chosen such that balancers need not
// talk to agree, and that little moves when a backend comes or goes.
//
// Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
// Balancer", NSDI 2016, sections 3.4 and 5.3.
//
// # The algorithm
//
// A table has M slots, M prime. A flow's hash chooses a slot ([Table.Backend]),
// the slot names a backend. Each backend prefers the slots in an order of its
// own, drawn from its name and the seed:
//
//	offset = h1(name) mod M
//	skip   = h2(name) mod (M-1) + 1
//	list   = offset, offset + skip, offset + 2·skip, ...   all mod M
//
// Since M is prime, a list reaches each slot once. The backends then take
// turns, in the order of their names. Who has a turn takes the first slot of
// its list that is still free, until none is. With M = 7 and three backends
// (the paper's example):
//
//	backend  offset  skip  list             takes in turn   slot   0 1 2 3 4 5 6
//	b0            3     4  3 0 4 1 5 2 6    3, 1, 6         owner  1 0 1 0 2 2 0
//	b1            0     2  0 2 4 6 1 3 5    0, 2
//	b2            3     1  3 4 5 6 0 1 2    4, 5
//
// If b1 leaves, b0 and b2 take mostly the slots they had, since their lists are
// what they were. Slots 0 and 2 must move, slot 6 moves needlessly:
//
//	b0                                      3, 0, 1, 2      owner  0 0 0 0 2 2 2
//	b2                                      4, 5, 6
//
// h1 and h2 are SipHash-2-4 with the keys (seed, 1) and (seed, 2).
//
// # Weights
//
// The paper has heavier backends take turns more often and leaves open how.
// Here the heaviest has a turn in each round, and one of weight w has its turn
// number k in round ⌊k · heaviest / w⌋, counted from 0. So all that matters is
// the ratio of the weights, in any scale, and all have a turn in the first
// round. Weights 4, 2 and 3:
//
//	round     0    1    2    3    4    5    6    7
//	a (4)     a    a    a    a    a    a    a    a
//	b (2)     b         b         b         b
//	c (3)     c    c    c         c    c    c
//
// # What holds
//
//   - The table is a function of its size, the seed and the set of names and
//     weights: not of the order in which the backends are given, the machine,
//     the version of Go or of this package. Golden tables in testdata see to it.
//   - With equal weights the shares of two backends differ by one slot at most.
//   - With any weights, of N backends that have some, a backend of weight w in a
//     sum of W gets more than (M-N)·w/W - 1 and less than M·w/W + 2 slots. So M of
//     100·N keeps all within 1 % and two slots of what is due to them.
//   - Who has a weight has a slot.
//   - A backend that leaves gives up its slots, one that joins takes its share,
//     and a few slots move between the others. With M of 100·N these are 2.5 % of a
//     table of 1,021, 1.6 % of 16,381 and 0.8 % of 65,521 on average, and fewer the
//     larger M is: 0.5 % of 16,381 for 10 backends. [Disruption] counts them.
//   - Another M or another seed gives another table altogether.
//
// # Cost
//
// A table of M slots takes about M·ln M steps, some milliseconds for 65,537. The
// steps depend on neither the number of backends nor their weights, as long as
// the names are not chosen by somebody who knows the seed and wants all lists
// equal: then it is N·M. A [Builder] keeps its scratch memory, at most seven bytes
// a slot and eighteen a backend, so that the next table allocates nothing.
package maglev
