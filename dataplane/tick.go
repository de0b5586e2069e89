// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"clearway/lpm"
)

// sweepEvery is how often flow records are gone through.
const sweepEvery = 30 * time.Second

// Tick does what time alone brings about: it tells the programs the time, settles
// slots that have moved for long enough, ends changes of size that are due, and
// from time to time sweeps records of flows that are gone. It is to be called
// about every second, by who calls Apply, and says what has changed for people.
// Before the first Apply it does nothing.
func (d *Dataplane) Tick(ctx context.Context) (Changes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return Changes{}, ErrReadOnly
	}
	if d.gen == nil {
		return Changes{}, nil
	}
	now := d.clock()
	if err := d.gen.writeClock(now); err != nil {
		return Changes{}, err
	}
	before := d.gen.image.registry
	if err := d.settleDue(ctx, now); err != nil {
		return Changes{}, err
	}
	changes := Changes{Generation: d.gen.number}
	changes.addServices(&before, &d.gen.image.registry)
	if now-d.swept < sweepEvery || len(d.state.Services) == 0 {
		return changes, nil
	}
	return changes, d.sweep(ctx, now)
}

// settleDue brings services up to date for which time has run out.
func (d *Dataplane) settleDue(ctx context.Context, now time.Duration) error {
	registry := d.gen.image.registry
	if !registry.due(now) {
		return nil
	}
	want := *d.gen.image
	err := want.addServices(d.state, d.gen.image, d.gen.sizes, now, []netip.Prefix{})
	if err == nil {
		err = d.changeServices(ctx, &want)
		if full := (*lpm.FullError)(nil); !errors.As(err, &full) {
			return err
		}
	}
	return d.renew(ctx, d.state, registry)
}

func (g *registry) due(now time.Duration) bool {
	for _, r := range g.services {
		if r.due != 0 && r.due <= now {
			return true
		}
	}
	return false
}

// changeServices brings the live generation to an image in which only services
// and their addresses differ.
func (d *Dataplane) changeServices(ctx context.Context, want *image) error {
	t := &transaction{ctx: ctx, hook: d.hook}
	have := d.gen.image
	err := firstError(
		func() error { return d.gen.writeServices(t, have, want) },
		func() error { return d.gen.writePrefixes(t, want.edits) },
		func() error { return d.gen.clearServices(t, have, want) },
	)
	if err != nil {
		if undo := t.rollback(); undo != nil {
			d.log.Error("undoing a change of services", "error", undo)
		}
		return err
	}
	d.settle(want)
	return nil
}
