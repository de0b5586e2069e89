// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"errors"
	"fmt"
	"slices"
)

// newContenders loads the peers for a lab's router.
func newContenders(l *lab) (objects *contendersObjects, err error) {
	spec, variables, err := load[contendersVariableSpecs](loadContenders)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		variables.NextHop.Set(slices.Concat(nextHopMAC[:], egressMAC[:])),
		variables.NextHopIfindex.Set(uint32(l.egress.Index)),
	)
	if err != nil {
		return nil, fmt.Errorf("setting the fixed next hop: %w", err)
	}
	devices := []uint32{uint32(l.ingress.Index), uint32(l.egress.Index)}
	spec.Maps["tx_devices"].MaxEntries = slices.Max(devices) + 1
	objects = new(contendersObjects)
	if err := spec.LoadAndAssign(objects, nil); err != nil {
		return nil, fmt.Errorf("loading the contenders: %w", err)
	}
	// A device map takes indexes of the namespace that its writer is in.
	err = l.Host(routerHost).Do(func() error {
		for _, d := range devices {
			if err := objects.TxDevices.Put(d, d); err != nil {
				return fmt.Errorf("adding device %d: %w", d, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, objects.Close())
	}
	return objects, nil
}
