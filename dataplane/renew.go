// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf"
)

// renew loads a generation for s beside the present one, moves the ports over
// one by one, and takes the old one away. Until the first port has moved a
// failure leaves no trace; after that the ports move back.
//
// Everything but the maps in stateMaps and the history of the slots, in registry,
// is filled from s, never taken over: whatever a process that was killed left
// half done ends here.
func (d *Dataplane) renew(ctx context.Context, s State, registry registry) error {
	before := d.present()
	before.registry = registry
	next, err := d.load(s, before)
	if err != nil {
		return err
	}
	if err := d.switchTo(ctx, s, next, before); err != nil {
		next.close()
		return errors.Join(err, removeGeneration(d.root, next.gen.number))
	}
	d.cleanUp(before)
	return nil
}

// former is what there was before a new generation.
type former struct {
	gen      *generation // nil when it is another process's
	counts   *counts     // nil when there is none
	registry registry
}

// successor is a new generation that no port is bound to yet.
type successor struct {
	gen    *generation
	counts *counts
	image  *image
	shares map[string]bool // those of stateMaps that it has in common with the former one
}

func (n *successor) close() {
	n.counts.close()
	n.gen.close()
}

func (d *Dataplane) present() former {
	if d.counts == nil && d.manifest.Generation != 0 {
		counts, err := openCounts(d.root, d.manifest.Generation, d.manifest.Reasons)
		if err != nil {
			d.log.Warn("counters of the former data path are lost", "error", err)
		} else {
			d.counts = counts
		}
	}
	return former{gen: d.gen, counts: d.counts}
}

func (d *Dataplane) load(s State, before former) (*successor, error) {
	size := wantedSizes(s, d.presentSizes(), &before.registry)
	spec, err := pipelineSpec(size, false)
	if err != nil {
		return nil, err
	}
	next := &successor{shares: map[string]bool{}}
	for _, name := range stateMaps {
		next.shares[name] = before.counts != nil && d.manifest.Maps[name] == mapHash(spec.Maps[name])
	}
	if next.image, err = d.numberedImage(s, size, next, before.registry.kept(s)); err != nil {
		return nil, err
	}
	size.Blocks = blockEntries(next.image.edits, size.Blocks)
	reuse, err := d.reused(next)
	if err != nil {
		return nil, err
	}
	defer closeMaps(reuse)
	if next.gen, err = newGeneration(d.root, d.nextNumber(), size, reuse); err != nil {
		return nil, err
	}
	var lost *ebpf.Map
	if next.shares["counters"] {
		lost = before.counts.lost
	}
	if next.counts, err = newCounts(d.root, next.gen, lost); err != nil {
		next.gen.close()
		return nil, errors.Join(err, removeGeneration(d.root, next.gen.number))
	}
	return next, nil
}

// reused opens the maps of the former generation that the next one shares.
func (d *Dataplane) reused(next *successor) (map[string]*ebpf.Map, error) {
	reuse := map[string]*ebpf.Map{}
	for _, name := range stateMaps {
		names := []string{name}
		if sums, counted := sumsOf[name]; counted {
			names = append(names, sums)
		}
		for _, name := range names {
			if !next.shares[names[0]] {
				continue
			}
			m, err := d.root.openMap(d.manifest.Generation, name)
			if err != nil {
				closeMaps(reuse)
				return nil, err
			}
			reuse[name] = m
		}
	}
	return reuse, nil
}

func closeMaps(maps map[string]*ebpf.Map) {
	for _, m := range maps {
		m.Close()
	}
}

// numberedImage keeps the numbers of counters and sockets if next shares them. Where
// those of ports that have gone leave no room, it gets some of its own.
func (d *Dataplane) numberedImage(s State, size sizes, next *successor, r registry) (*image, error) {
	if next.shares["counters"] || next.shares["sockets"] {
		im, err := newImage(s, &image{numbers: numbers{slots: d.manifest.Slots}, registry: r}, size, d.clock(), nil)
		if err == nil {
			return im, nil
		}
		next.shares["counters"], next.shares["sockets"] = false, false
	}
	return newImage(s, &image{registry: r}, size, d.clock(), nil)
}

// nextNumber is above all that are there: a killed process may have left one.
func (d *Dataplane) nextNumber() int {
	return slices.Max(append(d.root.generations(), d.manifest.Generation)) + 1
}

// switchTo moves the ports over and makes next the live generation.
func (d *Dataplane) switchTo(ctx context.Context, s State, next *successor, before former) error {
	old, err := d.formerDecide()
	if err != nil {
		return advise("opening the former program", err)
	}
	if old != nil {
		defer old.Close()
	}
	if err := d.adoptLinks(); err != nil {
		return err
	}
	t := &transaction{ctx: ctx, hook: d.hook, back: old}
	d.gen = next.gen
	if err := d.switchSteps(t, s, next, before); err != nil {
		if undo := t.rollback(); undo != nil {
			d.log.Error("going back to the former generation", "error", undo)
		}
		d.gen = before.gen
		d.keepCounts(next, before)
		d.rewriteManifest()
		return err
	}
	next.gen.image = next.image.settle()
	d.counts = next.counts
	return nil
}

func (d *Dataplane) switchSteps(t *transaction, s State, next *successor, before former) error {
	d.markGeneric(s, next.image)
	if err := next.gen.writeClock(d.clock()); err != nil {
		return err
	}
	if err := next.gen.write(t, &image{}, next.image); err != nil {
		return err
	}
	next.gen.table.Reclaim() // no port runs it yet; this makes the shortcuts
	if err := d.noteTry(t, next, before); err != nil {
		return err
	}
	if err := d.takeFlows(t, next, before); err != nil {
		return err
	}
	if err := d.moveLinks(t); err != nil {
		return err
	}
	if err := d.attachPorts(t, s, next.image); err != nil {
		return err
	}
	if err := d.detachOthers(t, s); err != nil {
		return err
	}
	var carried map[string]totals
	err := t.do("carrying the counters over", func() (err error) {
		if carried, err = d.carry(next, before); err != nil {
			return err
		}
		return d.carryServices(next, before)
	}, nil)
	if err != nil {
		return fmt.Errorf("from version %s to %s: %w", d.manifest.Version, d.version, err)
	}
	return d.saveManifest(t, next.image, carried)
}

// carry sums up what ports counted in maps that next does not count in.
func (d *Dataplane) carry(next *successor, before former) (carried map[string]totals, err error) {
	carried = d.manifest.Carried
	if before.counts != nil && !next.shares["counters"] {
		if carried, err = before.counts.final(d.manifest.Slots, carried); err != nil {
			return nil, err
		}
	}
	for _, tried := range d.manifest.Tried {
		if !slices.Contains(tried.Own, "counters") {
			continue
		}
		counts, err := openCounts(d.root, tried.Generation, tried.Reasons)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was taken back, and the note was not
		}
		if err != nil {
			return nil, err
		}
		carried, err = counts.final(tried.Slots, carried)
		counts.close()
		if err != nil {
			return nil, err
		}
	}
	return carried, nil
}

// keepCounts saves what ports counted in a generation that came to nothing.
func (d *Dataplane) keepCounts(next *successor, before former) {
	if err := d.keepServices(next, before); err != nil {
		d.log.Warn("some packets are missing in the counters of services", "error", err)
	}
	if before.counts == nil || next.shares["counters"] {
		return
	}
	carried, err := next.counts.final(next.image.numbers.slots, d.manifest.Carried)
	if err != nil {
		d.log.Warn("some packets are missing in the counters", "error", err)
		return
	}
	d.manifest.Carried = carried
}

// cleanUp takes away all generations but the live one. What it can't take away
// is in nobody's way.
func (d *Dataplane) cleanUp(before former) {
	d.dropTwin()
	if err := traceLost(d.root, d.gen, d.counts); err != nil {
		d.log.Warn("packets lost after they were sent on are not counted", "error", err)
	}
	if before.counts != nil {
		before.counts.close()
	}
	if before.gen != nil {
		before.gen.close()
	}
	for _, n := range d.root.generations() {
		if n == d.gen.number {
			continue
		}
		if err := removeGeneration(d.root, n); err != nil {
			d.log.Warn("a former generation is still there", "error", err)
		}
	}
}
