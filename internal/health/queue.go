// SPDX-License-Identifier: Apache-2.0

package health

import (
	"container/heap"
	"time"
)

// queue holds entries by time, the earliest first.
type queue struct{ entries entries }

// entry is a target's place in a queue. It is in one queue at most.
type entry struct {
	at     time.Time
	target *target
	place  int // counted from 1; 0 outside a queue
}

// set puts e where its time belongs, whether or not it is in q, and says whether
// it is the first now.
func (q *queue) set(e *entry, at time.Time) (first bool) {
	e.at = at
	if e.place == 0 {
		heap.Push(&q.entries, e)
	} else {
		heap.Fix(&q.entries, e.place-1)
	}
	return e.place == 1
}

// remove takes e out, if it is in q.
func (q *queue) remove(e *entry) {
	if e.place > 0 {
		heap.Remove(&q.entries, e.place-1)
	}
}

// first is the earliest entry, nil if there is none.
func (q *queue) first() *entry {
	if len(q.entries) == 0 {
		return nil
	}
	return q.entries[0]
}

// due is the earliest entry if its time has come, nil otherwise.
func (q *queue) due(now time.Time) *entry {
	if e := q.first(); e != nil && !e.at.After(now) {
		return e
	}
	return nil
}

// entries are a heap, see [heap.Interface].
type entries []*entry

func (s entries) Len() int           { return len(s) }
func (s entries) Less(i, j int) bool { return s[i].at.Before(s[j].at) }

func (s entries) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i+1, j+1
}

func (s *entries) Push(x any) {
	e := x.(*entry)
	*s = append(*s, e)
	e.place = len(*s)
}

func (s *entries) Pop() any {
	last := len(*s) - 1
	e := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	e.place = 0
	return e
}
