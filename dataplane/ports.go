// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"maps"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// attachPorts attaches those ports of s that have no link yet, and those whose
// device or mode has changed.
func (d *Dataplane) attachPorts(t *transaction, s State, want *image) error {
	for _, p := range s.Ports {
		if d.stillAttached(p) {
			continue
		}
		if err := d.replace(t, p, want); err != nil {
			return err
		}
	}
	return nil
}

// stillAttached asks the kernel, too: a link is severed when its device goes.
func (d *Dataplane) stillAttached(p Port) bool {
	l := d.links[p.Name]
	if l == nil || l.Ifindex != p.Ifindex || p.Mode != Auto && p.Mode != "" && p.Mode != l.Mode {
		return false
	}
	ifindex, err := linkIfindex(l.link)
	return err == nil && ifindex == p.Ifindex
}

// replace attaches a port anew, in place of what link it had.
func (d *Dataplane) replace(t *transaction, p Port, want *image) error {
	if old := d.links[p.Name]; old != nil {
		if err := d.detachPort(t, old); err != nil {
			return err
		}
	}
	err := t.do("attaching "+p.Name, func() error {
		l, err := attach(d.root, p, d.gen.decide())
		if err == nil {
			d.links[p.Name] = l
		}
		return err
	}, func() error { return d.drop(p.Name) })
	if err != nil {
		return err
	}
	return d.writeGeneric(t, p.Ifindex, want)
}

// writeGeneric corrects the record of a port that turned out to be attached in
// generic mode. Until then it was held to what native mode needs.
func (d *Dataplane) writeGeneric(t *transaction, ifindex int, want *image) error {
	before := maps.Clone(want.ports)
	d.markGeneric(want)
	return setEntries(t, d.gen.maps("ports"), "port", before, want.ports)
}

// markGeneric notes in an image which ports are attached in generic mode.
func (d *Dataplane) markGeneric(im *image) {
	for _, l := range d.links {
		record, ok := im.ports[uint32(l.Ifindex)]
		if ok && l.Mode == Generic {
			record.Generic = 1
			im.ports[uint32(l.Ifindex)] = record
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
	if ifindex, err := linkIfindex(l.link); err == nil && ifindex == 0 {
		// Its device has gone: there would be nothing to go back to.
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

// adoptLinks opens the pinned links of the ports of s that are still theirs.
// All others are gone afterwards.
func (d *Dataplane) adoptLinks(s State) error {
	for _, p := range s.Ports {
		if d.links[p.Name] != nil {
			continue
		}
		known := slices.IndexFunc(d.manifest.Ports, func(r portRecord) bool { return r.Name == p.Name })
		var record *portRecord
		if known >= 0 {
			record = &d.manifest.Ports[known]
		}
		l, err := adopt(d.root, p, record)
		if err != nil {
			return err
		}
		if l != nil {
			d.links[p.Name] = l
		}
	}
	return nil
}

// detachStrays takes off ports that a former process attached and s lacks.
func (d *Dataplane) detachStrays() error {
	for _, name := range d.root.pinnedPorts() {
		if d.links[name] != nil {
			continue
		}
		l, err := link.LoadPinnedLink(d.root.link(name), nil)
		if err != nil {
			return advise("opening the link of "+name, err)
		}
		if err := dropLink(d.root, name, l); err != nil {
			return err
		}
	}
	return nil
}

// moveLinks puts the program of the live generation on all links.
func (d *Dataplane) moveLinks(t *transaction) error {
	for name, l := range d.links {
		if ifindex, err := linkIfindex(l.link); err == nil && ifindex == 0 {
			continue // severed: the port is attached anew, if its device is back
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
