// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"maps"
	"os"
	"slices"

	"github.com/cilium/ebpf"
)

// attachPorts attaches those ports of s that have no link yet, and those whose
// device or mode has changed.
func (d *Dataplane) attachPorts(t *transaction, s State, want *image) error {
	for _, p := range s.Ports {
		if err := d.rename(t, p); err != nil {
			return err
		}
		if d.stillAttached(p) {
			continue
		}
		if err := d.replace(t, p, s, want); err != nil {
			return err
		}
	}
	return nil
}

// linkOn finds the link of a device.
func (d *Dataplane) linkOn(ifindex int) *portLink {
	for _, l := range d.links {
		if l.Ifindex == ifindex {
			return l
		}
	}
	return nil
}

// rename keeps the link of a device that has got another name.
func (d *Dataplane) rename(t *transaction, p Port) error {
	l := d.linkOn(p.Ifindex)
	if l == nil || l.Name == p.Name {
		return nil
	}
	if other := d.links[p.Name]; other != nil {
		if err := d.detachPort(t, other); err != nil {
			return err
		}
	}
	old := l.Name
	return t.do("renaming "+old+" to "+p.Name,
		func() error { return d.renameLink(l, p.Name) },
		func() error { return d.renameLink(l, old) })
}

func (d *Dataplane) renameLink(l *portLink, name string) error {
	if err := os.Rename(d.root.link(l.Name), d.root.link(name)); err != nil {
		return advise("renaming the link of "+l.Name, err)
	}
	delete(d.links, l.Name)
	l.Name = name
	d.links[name] = l
	return nil
}

// stillAttached asks the kernel, too: a link is severed when its device goes.
func (d *Dataplane) stillAttached(p Port) bool {
	l := d.links[p.Name]
	if l == nil || l.Ifindex != p.Ifindex || !p.accepts(l.Mode) {
		return false
	}
	return !l.severed()
}

// accepts tells whether a port that is attached in a mode may stay so. The mode
// of a link that a killed process left may be unknown.
func (p Port) accepts(m Mode) bool {
	return m != "" && (p.Mode == m || p.Mode == Auto || p.Mode == "")
}

// replace attaches a port anew, in place of what link it had.
func (d *Dataplane) replace(t *transaction, p Port, s State, want *image) error {
	if old := d.links[p.Name]; old != nil {
		if err := d.detachPort(t, old); err != nil {
			return err
		}
	}
	err := t.do("attaching "+p.Name, func() error {
		if err := d.forgetSockets(p, want.numbers.slots[p.Name]); err != nil {
			return err
		}
		l, err := attach(d.root, p, d.gen.decide())
		if err == nil {
			d.links[p.Name] = l
		}
		return err
	}, func() error { return d.drop(p.Name) })
	if err != nil {
		return err
	}
	return d.writeGeneric(t, s, want)
}

// writeGeneric corrects the record of a port that turned out to be attached in
// generic mode. Until then it was held to what native mode needs.
func (d *Dataplane) writeGeneric(t *transaction, s State, want *image) error {
	before := maps.Clone(want.ports)
	d.markGeneric(s, want)
	return setEntries(t, d.gen.maps("ports"), entry("port"), before, want.ports)
}

// markGeneric notes in an image which ports are attached in generic mode, and
// are to stay so.
func (d *Dataplane) markGeneric(s State, im *image) {
	for _, p := range s.Ports {
		if l := d.linkOn(p.Ifindex); l != nil && l.Mode == Generic && p.accepts(Generic) {
			record := im.ports[uint32(p.Ifindex)]
			record.Generic = 1
			im.ports[uint32(p.Ifindex)] = record
		}
	}
}

// detachOthers takes the program off all ports that s does not have.
func (d *Dataplane) detachOthers(t *transaction, s State) error {
	for name, l := range maps.Clone(d.links) {
		if slices.ContainsFunc(s.Ports, func(p Port) bool { return p.Name == name }) {
			continue
		}
		if err := d.detachPort(t, l); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dataplane) detachPort(t *transaction, l *portLink) error {
	if l.severed() { // there would be nothing to go back to
		return t.do("forgetting "+l.Name, func() error { return d.drop(l.Name) }, nil)
	}
	return t.do("detaching "+l.Name, func() error { return d.drop(l.Name) }, func() error {
		again, err := attach(d.root, Port{l.Name, l.Ifindex, l.Mode}, t.back)
		if err == nil {
			d.links[l.Name] = again
		}
		return err
	})
}

func (d *Dataplane) drop(name string) error {
	l := d.links[name]
	if l == nil {
		return nil
	}
	delete(d.links, name)
	return dropLink(d.root, name, l.link)
}

// adoptLinks opens the links that a former process left, also those of ports
// that are to go.
func (d *Dataplane) adoptLinks() error {
	for _, name := range d.root.pinnedPorts() {
		if d.links[name] != nil {
			continue
		}
		l, err := adopt(d.root, name, d.manifest.Ports)
		if err != nil {
			return err
		}
		d.links[name] = l
	}
	return nil
}

// moveLinks puts the program of the live generation on all links.
func (d *Dataplane) moveLinks(t *transaction) error {
	for name, l := range d.links {
		if l.severed() {
			continue // the port is attached anew, if its device is back
		}
		err := t.do("moving "+name, func() error { return l.link.Update(d.gen.decide()) }, func() error {
			if t.back == nil {
				return nil
			}
			return l.link.Update(t.back)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// liveDevices is what the device map really holds: the kernel takes out the
// devices that go.
func (d *Dataplane) liveDevices(im *image) map[uint32]pipelineBpfDevmapVal {
	live := map[uint32]pipelineBpfDevmapVal{}
	for key := range im.devices {
		var value pipelineBpfDevmapVal
		if err := d.gen.maps("tx_devices").Lookup(key, &value); err == nil {
			live[key] = value
		}
	}
	return live
}

// formerDecide opens the program of the generation that a former process left.
func (d *Dataplane) formerDecide() (*ebpf.Program, error) {
	if d.gen != nil {
		return d.gen.decide().Clone()
	}
	p, err := ebpf.LoadPinnedProgram(d.root.progs(d.manifest.Generation)+"/decide", nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return p, err
}
