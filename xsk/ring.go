// SPDX-License-Identifier: Apache-2.0

package xsk

import "sync/atomic"

// ring is what both sides of a ring share: two cursors that run freely modulo
// 2³² and the entries, whose number is a power of two.
//
//	                  consumer      producer
//	                     │             │
//	entries  ┌───────────▼─────────────▼───────────┐
//	         │   free    │ ready       │    free   │   index = cursor mod entries
//	         └───────────┴─────────────┴───────────┘
//
// Only the consumer's side writes consumer, only the producer's side producer.
// It is memory that the kernel maps to us, or, in tests, plain memory.
type ring[T any] struct {
	producer, consumer *atomic.Uint32
	flags              *atomic.Uint32 // nil: the kernel has none (5.3 and older)
	entries            []T
}

// size returns the number of entries.
func (r *ring[T]) size() uint32 { return uint32(len(r.entries)) }

// spans returns n entries from a cursor on: two spans, as they may wrap.
func (r *ring[T]) spans(cursor, n uint32) (a, b []T) {
	from := r.entries[cursor&(r.size()-1):]
	if int(n) <= len(from) {
		return from[:n], nil
	}
	return from, r.entries[:int(n)-len(from)]
}

// needsWakeup tells whether the kernel sleeps until it is called. It must be
// asked after the cursor was stored: Go's atomics keep that order.
func (r *ring[T]) needsWakeup() bool {
	const needWakeup = 1 // XDP_RING_NEED_WAKEUP
	return r.flags == nil || r.flags.Load()&needWakeup != 0
}

// count returns a number of entries as the cursors have it; what is negative or
// too large is cut.
func count(n int) uint32 { return uint32(max(0, min(n, 1<<31-1))) }

// linePad keeps what one goroutine writes off the cache lines of another. It is
// two lines, as processors fetch them in pairs.
type linePad [128]byte

// producer is our side of a ring that we produce: fill and TX.
type producer[T any] struct {
	_ linePad
	ring[T]
	next  uint32 // the shared producer cursor: we alone write it
	limit uint32 // next may run up to here: the consumer cursor as last seen, plus size
	_     linePad
}

func newProducer[T any](r ring[T]) producer[T] {
	return producer[T]{ring: r, next: r.producer.Load(), limit: r.consumer.Load() + r.size()}
}

// reserve returns up to max free entries. Entries that are not submitted are
// returned again. It reads the other side's cursor only when the entries that
// it knows to be free are too few.
func (p *producer[T]) reserve(max uint32) (a, b []T) {
	free := p.limit - p.next
	if free < max {
		free = p.refresh()
	}
	return p.spans(p.next, min(free, max))
}

// refresh learns what the other side has consumed, and returns the number of
// free entries: none if the other side's cursor makes no sense.
func (p *producer[T]) refresh() (free uint32) {
	limit := p.consumer.Load() + p.size()
	if limit-p.next > p.size() {
		limit = p.next
	}
	p.limit = limit
	return limit - p.next
}

// submit hands the first n of the reserved entries to the other side, with all
// that was written before.
func (p *producer[T]) submit(n uint32) {
	p.next += min(n, p.limit-p.next)
	p.ring.producer.Store(p.next)
}

// pending tells whether the other side has entries to consume.
func (p *producer[T]) pending() bool { return p.consumer.Load() != p.next }

// consumer is our side of a ring that we consume: RX and completion.
type consumer[T any] struct {
	_ linePad
	ring[T]
	next  uint32 // the shared consumer cursor: we alone write it
	limit uint32 // the producer cursor as last seen
	_     linePad
}

func newConsumer[T any](r ring[T]) consumer[T] {
	return consumer[T]{ring: r, next: r.consumer.Load(), limit: r.consumer.Load()}
}

// peek returns up to max entries that are ready. Entries that are not released
// are returned again. It reads the other side's cursor only when it knows of no
// entry.
func (c *consumer[T]) peek(max uint32) (a, b []T) {
	ready := c.limit - c.next
	if ready == 0 {
		ready = c.refresh()
	}
	return c.spans(c.next, min(ready, max))
}

// refresh learns what the other side has produced, and returns the number of
// entries that are ready: none if the other side's cursor makes no sense.
func (c *consumer[T]) refresh() (ready uint32) {
	limit := c.producer.Load()
	if limit-c.next > c.size() {
		limit = c.next
	}
	c.limit = limit
	return limit - c.next
}

// release gives the first n of the peeked entries back to the other side. They
// must not be read any more.
func (c *consumer[T]) release(n uint32) {
	c.next += min(n, c.limit-c.next)
	c.ring.consumer.Store(c.next)
}
