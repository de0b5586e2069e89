// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"clearway/lpm"
)

// Changes is what Apply or Tick did, or Apply would do, for people to read.
type Changes struct {
	Generation int
	Lines      []string // nothing changed when empty
	Moves      []Moves  // of services whose table has changed
}

// Moves tells how many new flows change their backend: the slots whose owner
// does, of all. Flows that are there already stay, but for those that Resize, a
// new size, seed or affinity, moves.
type Moves struct {
	Service      string
	Moved, Slots int
	Resize       bool
}

// Apply makes the data path what s says. The first call of a process loads a
// new generation and moves the ports over to it; so does any that needs other
// sizes. All others change what differs.
//
// It is all or nothing: on an error, which may be a *[LimitError] or an
// *[AttachError], everything is as it was. s must not be changed afterwards.
func (d *Dataplane) Apply(ctx context.Context, s State) (Changes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	registry, err := d.accept(&s)
	if err == nil {
		err = d.checkNamespace()
	}
	if err != nil {
		return Changes{}, err
	}
	changed := changedPrefixes(d.state.Classes, s.Classes)
	if err := d.apply(ctx, s, changed, registry); err != nil {
		return Changes{}, err
	}
	changes := Changes{Generation: d.gen.number, Lines: describe(d.state, s, changed, d.links)}
	changes.addServices(&registry, &d.gen.image.registry)
	d.state = s
	return changes, nil
}

// accept refuses a state that can't be, and gives it its limits. It returns what
// of services a change goes on from.
func (d *Dataplane) accept(s *State) (registry, error) {
	if d.lock == nil {
		return registry{}, ErrReadOnly
	}
	s.Limits = s.Limits.withDefaults()
	if err := s.check(); err != nil {
		return registry{}, err
	}
	return d.presentRegistry()
}

func (d *Dataplane) apply(ctx context.Context, s State, changed []netip.Prefix, registry registry) error {
	if want := d.imageInPlace(s, &registry, changed); want != nil {
		err := d.change(ctx, s, want)
		var full *lpm.FullError
		if !errors.As(err, &full) {
			return err
		}
		// It takes a larger table, or one without what it replaces.
	}
	return d.renew(ctx, s, registry)
}

// imageInPlace is what the live generation is to hold; nil where it takes another
// generation.
func (d *Dataplane) imageInPlace(s State, registry *registry, changed []netip.Prefix) *image {
	if d.gen == nil || wantedSizes(s, d.gen.sizes, registry) != d.gen.sizes {
		return nil
	}
	want, err := newImage(s, d.gen.image, d.gen.sizes, d.clock(), changed)
	if err != nil { // numbers of what it replaces may be in the way: it may fit anew
		return nil
	}
	return want
}

// presentSizes are those of the live generation, if there is one.
func (d *Dataplane) presentSizes() sizes {
	if d.gen == nil {
		return sizes{}
	}
	return d.gen.sizes
}

// change brings the live generation from its image to want.
func (d *Dataplane) change(ctx context.Context, s State, want *image) error {
	t := &transaction{ctx: ctx, hook: d.hook, back: d.gen.decide()}
	err := d.changeSteps(t, s, want)
	if err != nil {
		if undo := t.rollback(); undo != nil {
			d.log.Error("undoing a change", "error", undo)
		}
		d.rewriteManifest()
		return err
	}
	d.settle(want)
	return nil
}

func (d *Dataplane) changeSteps(t *transaction, s State, want *image) error {
	have := d.gen.image
	d.markGeneric(s, want)
	have.devices = d.liveDevices(have)
	if err := d.gen.write(t, have, want); err != nil {
		return err
	}
	if err := d.attachPorts(t, s, want); err != nil {
		return err
	}
	if err := d.detachOthers(t, s); err != nil {
		return err
	}
	if err := d.gen.clear(t, have, want); err != nil {
		return err
	}
	return d.saveManifest(t, want, d.manifest.Carried)
}

// write brings all that want has into the maps, what is pointed to before what
// points to it.
func (g *generation) write(t *transaction, have, want *image) error {
	return firstError(
		func() error { return g.writeDevices(t, have, want) },
		func() error { return setEntries(t, g.maps("egresses"), entry("egress"), have.egresses, want.egresses) },
		func() error { return setEntries(t, g.maps("mss_rules"), entry("mss rule"), have.rules, want.rules) },
		func() error { return setEntries(t, g.maps("l3s"), entry("l3"), have.l3s, want.l3s) },
		func() error { return setEntries(t, g.maps("vlans"), entry("vlans"), have.vlans, want.vlans) },
		func() error { return setEntries(t, g.maps("ports"), entry("port"), have.ports, want.ports) },
		func() error { return g.writeServices(t, have, want) },
		func() error { return g.writePrefixes(t, want.edits) },
		func() error { return g.writeSettings(t, have.settings, want.settings) },
	)
}

// clear empties what want has no more, in the other order.
func (g *generation) clear(t *transaction, have, want *image) error {
	return firstError(
		func() error { return g.clearServices(t, have, want) },
		func() error { return clearEntries(t, g.maps("ports"), entry("port"), have.ports, want.ports) },
		func() error { return clearEntries(t, g.maps("vlans"), entry("vlans"), have.vlans, want.vlans) },
		func() error { return clearEntries(t, g.maps("l3s"), entry("l3"), have.l3s, want.l3s) },
		func() error {
			return clearEntries(t, g.maps("egresses"), entry("egress"), have.egresses, want.egresses)
		},
		func() error {
			return clearEntries(t, g.maps("tx_devices"), have.deviceName, have.devices, want.devices)
		},
	)
}

func (g *generation) writeDevices(t *transaction, have, want *image) error {
	err := setEntries(t, g.maps("tx_devices"), want.deviceName, have.devices, want.devices)
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w: the interface has gone", err)
	}
	return err
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (g *generation) writeSettings(t *transaction, have, want pipelineSettings) error {
	if have == want {
		return nil
	}
	m := g.maps(".data.settings")
	return t.do("settings", func() error { return m.Put(uint32(0), want) }, func() error { return m.Put(uint32(0), have) })
}

func (g *generation) writePrefixes(t *transaction, e edits) error {
	if len(e.forth) == 0 {
		return nil
	}
	return t.do(fmt.Sprintf("prefixes (%d changed)", len(e.forth)),
		func() error { return g.table.Update(e.forth) },
		func() error { return errors.Join(g.reclaim(), g.table.Update(e.back)) })
}

// reclaim makes blocks that are out of use usable again.
func (g *generation) reclaim() error {
	if err := gracePeriod(); err != nil {
		return err
	}
	g.table.Reclaim()
	return nil
}

// settle ends a change that is done: what it put out of use, numbers and blocks,
// is free once no program run of before is left.
func (d *Dataplane) settle(want *image) {
	if err := d.gen.dropTables(&d.gen.image.registry, &want.registry); err != nil {
		d.log.Warn("former tables are still there", "error", err)
	}
	d.gen.image = want.settle()
	if err := d.gen.reclaim(); err != nil {
		d.log.Warn("the prefix table can't use again what a change freed", "error", err)
	}
}
