// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"clearway/dataplane"
)

// Detach takes Clearway off the named interfaces, or off all of them and every
// trace with it, and switches their VLAN offloads on again. It returns the
// interfaces that it was taken off. Nothing pinned is no error; a daemon that
// runs is.
func Detach(bpffs string, interfaces []string) ([]string, error) {
	return detach(bpffs, interfaces, &kernel{})
}

func detach(bpffs string, interfaces []string, m Machine) ([]string, error) {
	o := newOffloads(bpffs, m)
	switched, err := o.recorded()
	if err != nil {
		return nil, err
	}
	if _, err := attached(bpffs); errors.Is(err, dataplane.ErrForeignNamespace) {
		switched = nil // the devices are another namespace's, or gone with it
	}
	removed, err := dataplane.Detach(bpffs, interfaces)
	switch {
	case errors.Is(err, dataplane.ErrNotLoaded):
		return nil, nil
	case errors.Is(err, dataplane.ErrBusy):
		return nil, fmt.Errorf("the daemon runs and would attach again; stop it first, or take the interface out of its configuration and reload: %w", err)
	case err != nil:
		return removed, err
	}
	left, err := attached(bpffs)
	if err != nil {
		return removed, err
	}
	return removed, errors.Join(o.restoreOf(switched, left), removeEmpty(o.dir), removeEmpty(bpffs))
}

// removeEmpty removes a directory, unless something is in it.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return err
}

// attached lists the ports that are still there.
func attached(bpffs string) ([]dataplane.Port, error) {
	d, err := dataplane.OpenReadOnly(bpffs)
	if errors.Is(err, dataplane.ErrNotLoaded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	stats, err := d.Stats()
	return portsOf(stats), err
}
