// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
)

// round is a number of queries, and what should become of all of them.
type round struct {
	name   string
	before func(*dns, context.Context) error // nil: nothing
	during func(*dns, context.Context) error
	reason string // with which queries leave the pipeline
}

func rounds() []round {
	return []round{
		{name: "no program runs", reason: "pass_no_socket"},
		{name: "a program has registered", before: (*dns).start, reason: "punt"},
		{name: "the daemon is killed and started again", during: (*dns).restart, reason: "punt"},
		{name: "the program has ended", before: (*dns).end, reason: "pass_no_socket"},
	}
}

// play plays a round and adds its row.
func (d *dns) play(ctx context.Context, r round, t *table) error {
	if r.before != nil {
		if err := r.before(d, ctx); err != nil {
			return err
		}
	}
	reasonsBefore, err := d.counts(ctx, "eth0")
	if err != nil {
		return err
	}
	answersBefore := d.answers()
	a, err := ask(ctx, d.lab.Host("client"), dnsAt, func(ctx context.Context) error {
		if r.during == nil {
			return nil
		}
		return r.during(d, ctx)
	})
	if err != nil {
		return err
	}
	reasonsAfter, err := d.counts(ctx, "eth0")
	if err != nil {
		return err
	}
	by, became := d.answers().since(answersBefore), difference(reasonsBefore, reasonsAfter)
	t.row(r.name, count(a.sent.Load()), count(a.answered.Load()), count(by.queues[0]), count(by.queues[1]), count(by.linux),
		fmt.Sprintf("%.0f", a.rate()), became.String())
	return r.check(a, by, became)
}

// check wants each query answered, and by whom it should be.
func (r round) check(a *asked, by answers, became reasons) error {
	sent, answered := a.sent.Load(), a.answered.Load()
	switch {
	case answered != sent:
		return fmt.Errorf("%d of %d queries were not answered", sent-answered, sent)
	case toLinux(r.reason) && by.linux != sent:
		return fmt.Errorf("of %d queries Linux saw %d", sent, by.linux)
	case !toLinux(r.reason) && by.linux != 0:
		return fmt.Errorf("%d queries were seen by Linux", by.linux)
	}
	return scene{reason: r.reason}.check(sent, became)
}

// answers counts queries by who has answered them.
type answers struct {
	queues [puntQueues]uint64
	linux  uint64
}

func (a answers) since(before answers) answers {
	for i := range a.queues {
		a.queues[i] -= before.queues[i]
	}
	a.linux -= before.linux
	return a
}

func (d *dns) answers() answers {
	a := answers{linux: d.linux.seen.Load()}
	for i := range a.queues {
		a.queues[i] = d.answered[i].Load()
	}
	return a
}
