// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// renew loads a generation for s beside the present one, moves the ports over
// one by one, and takes the old one away. Until the first port has moved a
// failure leaves no trace; after that the ports move back.
//
// Everything but the maps in stateMaps is filled from s, never taken over:
// whatever a process that was killed left half done ends here.
func (d *Dataplane) renew(ctx context.Context, s State, present sizes) error {
	before := d.present()
	next, err := d.load(s, before, present)
	if err != nil {
		return err
	}
	if err := d.switchTo(ctx, s, next, before); err != nil {
		next.gen.close()
		return errors.Join(err, removeGeneration(d.root, next.gen.number))
	}
	return d.cleanUp(before)
}

// former is what there was before a new generation.
type former struct {
	gen    *generation // nil when it is another process's
	counts *counts     // nil when there is none
}

// successor is a new generation that no port is bound to yet.
type successor struct {
	gen    *generation
	counts *counts
	image  *image
	shared bool // it counts in the maps of the former one
}

func (d *Dataplane) present() former {
	f := former{gen: d.gen, counts: d.counts}
	if f.counts == nil && d.manifest.Generation != 0 {
		counts, err := openCounts(d.root, d.manifest.Generation)
		if err != nil {
			d.log.Warn("counters of the former data path are lost", "error", err)
		} else {
			f.counts = counts
		}
	}
	return f
}

func (d *Dataplane) load(s State, before former, present sizes) (*successor, error) {
	size := wantedSizes(s, present)
	spec, err := pipelineSpec(size, false)
	if err != nil {
		return nil, err
	}
	next := &successor{shared: before.counts != nil && d.manifest.Maps["counters"] == mapHash(spec.Maps["counters"])}
	numbered := &image{}
	if before.gen != nil {
		numbered.numbers = before.gen.image.numbers
	}
	numbered.numbers.slots = nil
	var reuse map[string]*ebpf.Map
	if next.shared {
		numbered.numbers.slots = d.manifest.Slots
		reuse = map[string]*ebpf.Map{"counters": before.counts.counters}
	}
	if next.image, err = newImage(s, numbered, uint32(size.Rules/2)); err != nil {
		return nil, err
	}
	size.Blocks = blockEntries(next.image.prefixes, size.Blocks)
	if next.gen, err = newGeneration(d.root, d.nextNumber(), size, reuse); err != nil {
		return nil, err
	}
	return next, nil
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
	if before.gen == nil {
		if err := d.adoptLinks(s); err != nil {
			return err
		}
	}
	t := &transaction{ctx: ctx, hook: d.hook, back: old}
	kept := d.manifest
	d.gen = next.gen
	if err := d.switchSteps(t, s, next, before); err != nil {
		if undo := t.rollback(); undo != nil {
			d.log.Error("going back to the former generation", "error", undo)
		}
		d.gen, d.counts, d.manifest = before.gen, before.counts, kept
		return err
	}
	next.gen.image = next.image
	return nil
}

func (d *Dataplane) switchSteps(t *transaction, s State, next *successor, before former) error {
	d.markGeneric(next.image)
	if err := next.gen.write(t, &image{}, next.image); err != nil {
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
	err := t.do("counting", func() error { return d.switchCounts(next, before) }, func() error {
		d.counts.close() // the tracepoints go on with the new map of ports, which is as good
		return nil
	})
	if err != nil {
		return err
	}
	return d.saveManifest(t, next.image)
}

// switchCounts opens the counters of the new generation, and carries over what
// the old ones hold if it does not share them.
func (d *Dataplane) switchCounts(next *successor, before former) error {
	fresh, err := newCounts(d.root, next.gen, before.counts, next.shared, d.log)
	if err != nil {
		return err
	}
	if before.counts != nil && !next.shared {
		if err := gracePeriod(); err != nil {
			return err
		}
		if d.manifest.Carried, err = before.counts.totals(&d.manifest); err != nil {
			return fmt.Errorf("carrying the counters over: %w", err)
		}
	}
	d.counts = fresh
	return nil
}

// cleanUp takes away all generations but the live one.
func (d *Dataplane) cleanUp(before former) error {
	d.dropTwin()
	if before.counts != nil {
		before.counts.close()
	}
	if before.gen != nil {
		before.gen.close()
	}
	errs := []error{d.detachStrays()}
	for _, n := range d.root.generations() {
		if n != d.gen.number {
			errs = append(errs, removeGeneration(d.root, n))
		}
	}
	return errors.Join(errs...)
}

// saveManifest notes what the next process has to know.
func (d *Dataplane) saveManifest(t *transaction, want *image) error {
	here, err := netns()
	if err != nil {
		return err
	}
	spec, err := pipelineSpec(d.gen.sizes, false)
	if err != nil {
		return err
	}
	m := manifest{Version: d.version, Netns: here, Generation: d.gen.number, Object: objectHash(), Sizes: d.gen.sizes,
		Maps: map[string]string{}, Slots: want.numbers.slots, Carried: d.manifest.Carried}
	for _, name := range stateMaps {
		m.Maps[name] = mapHash(spec.Maps[name])
	}
	for _, l := range d.links {
		m.Ports = append(m.Ports, l.portRecord)
	}
	slices.SortFunc(m.Ports, func(a, b portRecord) int { return a.Ifindex - b.Ifindex })
	kept := d.manifest
	return t.do("manifest", func() error {
		err := d.root.writeManifest(&m)
		if err == nil {
			d.manifest = m
		}
		return err
	}, func() error {
		d.manifest = kept
		if kept.Generation == 0 {
			return nil
		}
		return d.root.writeManifest(&kept)
	})
}
