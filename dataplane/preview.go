// SPDX-License-Identifier: Apache-2.0

package dataplane

import "net/netip"

// Preview tells what Apply of a state would change now, and changes nothing. It
// refuses what Apply refuses before it writes.
func (d *Dataplane) Preview(s State) (Changes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return Changes{}, ErrReadOnly
	}
	s.Limits = s.Limits.withDefaults()
	if err := s.check(); err != nil {
		return Changes{}, err
	}
	registry, err := d.presentRegistry()
	if err != nil {
		return Changes{}, err
	}
	changed := changedPrefixes(d.state.Classes, s.Classes)
	want, renewed, err := d.imageOf(s, registry, changed)
	if err != nil {
		return Changes{}, err
	}
	changes := Changes{Generation: d.manifest.Generation, Lines: describe(d.state, s, changed, d.links)}
	if renewed {
		changes.Generation = d.nextNumber()
	}
	changes.addServices(&registry, &want.registry)
	return changes, nil
}

// imageOf works out the image that Apply would write, and whether it takes a new
// generation.
func (d *Dataplane) imageOf(s State, registry registry, changed []netip.Prefix) (_ *image, renewed bool, err error) {
	if d.gen != nil && wantedSizes(s, d.gen.sizes, &registry) == d.gen.sizes {
		if want, err := newImage(s, d.gen.image, d.gen.sizes, d.clock(), changed); err == nil {
			return want, false, nil
		}
	}
	var present sizes
	if d.gen != nil {
		present = d.gen.sizes
	}
	want, err := newImage(s, &image{registry: registry.kept(s)}, wantedSizes(s, present, &registry), d.clock(), nil)
	return want, true, err
}
