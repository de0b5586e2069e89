// SPDX-License-Identifier: Apache-2.0

// Package tracking keeps flows at their backends while the table that spreads
// them changes, without remembering each of them.
//
// A table alone, such as that of package maglev, moves flows whenever it
// changes, and a server resets a connection that it doesn't know. To record the
// backend of each flow costs a look-up a packet, and memory that a SYN flood can
// fill. Here only flows that a change would move are recorded, and only until it
// is settled.
//
// # Slots
//
// A slot of the table remembers two backends:
//
//	cur    where new flows go
//	base   to which flows without a record belong
//
// Most of the time both are the same and no bit is set. The slot is settled then:
// all its packets go to cur, nothing is looked up and nothing written. When a
// change gives the slot to B instead of A:
//
//	             Merge                Settle               ClearLookup
//	cur    A  ──────────►  B        ─────────►  B         ────────────►  B
//	base   A               A                    B                        B
//	                       lookup               lookup
//	     settled         moving               tail                    settled
//
//	moving   A new flow goes to B, and is recorded first. Any other packet without a
//	         record is of a flow that was there before: it goes to A, and is recorded.
//	tail     After a time in which all flows that aren't silent have been recorded,
//	         those without a record are B's. Records of B's flows are deleted, those
//	         of A's stay until they end.
//	settled  No record is left that says anything else than the slot.
//
// base is not "the former owner": if the slot is given to C while it moves, base
// stays A, since the flows without a record still are A's; those of B all have
// one. It changes at two moments only: when it isn't alive any more, and when the
// slot settles. What follows for the cases:
//
//	A → B → C   base stays A, and settles when A → B would have
//	A → B → A   at once tail: flows of B have records, those of A need none
//	A dies      base becomes cur: nothing to record, those flows are lost
//	A returns   as any change: cur is A, base is who had the slot meanwhile
//
// # Records
//
// They belong in a map that refuses when it is full. One that makes room by
// giving up others would lose flows that count on them. A new flow that finds no
// room goes to base, where it belongs without a record; only if base takes no
// new ones, to cur, and is then likely lost.
//
// A record is kept as long as its backend is alive, for a new flow as long as it
// takes new ones: a SYN that is sent again comes to the same backend, but a port
// that is used again never to one that drains. RST and ICMP errors follow their
// flow and change nothing, since anyone can forge them.
//
// Where no packet starts a flow (UDP, or flows that are all of one source), all
// packets go to base for the time to settle, so that a change takes effect on
// new flows after that only.
//
// # What is called when
//
//	a backend joins, leaves, dies, drains, ...   [Table.Merge], with the wanted table
//	every second                                 [Table.Settle]
//	every half minute                            delete each record that has
//	                                             [Flow.Expired], then [Table.ClearLookup]
//	another size, or hash of the flows           [Table.RecordAll], and [Replace] when the
//	                                             time to settle has passed
//	a new process                                [Adopt]
//
// A service all of whose flows are recorded uses [New] and [Table.RecordAll], one
// that records none [New] alone, for each change.
//
// # What is lost
//
// Flows of which no packet comes for the whole time to settle, across a change. A
// start that is sent again after a change, if the first one was answered after
// all. With a full map, flows that found no room. Flows that come to another
// machine, with records of its own, while their slot isn't settled there, or
// that have a record here.
package tracking
