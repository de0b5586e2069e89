// SPDX-License-Identifier: Apache-2.0

package dataplane

// formerRegistry is what a new generation goes on from.
func (d *Dataplane) formerRegistry(s State) (registry, error) {
	if d.gen != nil && len(s.Services) > 0 {
		return d.gen.image.registry.unplaced(), nil
	}
	return registry{}, nil
}
