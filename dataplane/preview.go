// SPDX-License-Identifier: Apache-2.0

package dataplane

// Preview tells what Apply of a state would change now, and changes nothing. It
// refuses what Apply refuses before it writes.
func (d *Dataplane) Preview(s State) (Changes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	registry, err := d.accept(&s)
	if err != nil {
		return Changes{}, err
	}
	changed := changedPrefixes(d.state.Classes, s.Classes)
	changes := Changes{Generation: d.manifest.Generation}
	want := d.imageInPlace(s, &registry, changed)
	if want == nil {
		size := wantedSizes(s, d.presentSizes(), &registry)
		if want, err = newImage(s, &image{registry: registry.kept(s)}, size, d.clock(), nil); err != nil {
			return Changes{}, err
		}
		changes.Generation = d.nextNumber()
	}
	changes.Lines = describe(d.state, s, changed, d.links)
	changes.addServices(&registry, &want.registry)
	return changes, nil
}
