// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"clearway/dataplane"
)

// offloads switches hardware VLAN stripping off where it hides tags from XDP,
// and on again where Clearway goes. What it switched off is recorded next to
// the pins, as an empty directory named by ifindex: a BPF file system holds no
// files, and the record must live as long as the pins do.
type offloads struct {
	dir string
	set func(ifindex int, on bool) error
}

func newOffloads(bpffs string, m Machine) offloads {
	return offloads{dir: filepath.Join(bpffs, "offloads"), set: m.SetVLANOffload}
}

// off switches stripping off on devices. The result undoes that.
func (o offloads) off(ifindexes []int) (undo func() error, err error) {
	var switched []int
	undo = func() error {
		var errs []error
		for _, i := range switched {
			errs = append(errs, o.restore(i))
		}
		return errors.Join(errs...)
	}
	for _, i := range ifindexes {
		// Recorded first: a crash in between then restores what was never
		// changed, which is harmless.
		if err := os.MkdirAll(o.record(i), 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("recording a switched-off offload: %w", err), undo())
		}
		switched = append(switched, i)
		if err := o.set(i, false); err != nil {
			return nil, errors.Join(fmt.Errorf("switching VLAN offload off: %w", err), undo())
		}
	}
	return undo, nil
}

// restoreExcept switches stripping on again on every recorded device that is
// not one of ports.
func (o offloads) restoreExcept(ports []dataplane.Port) error {
	switched, err := o.recorded()
	if err != nil {
		return err
	}
	return o.restoreOf(switched, ports)
}

// recorded lists the devices whose stripping is switched off.
func (o offloads) recorded() ([]int, error) {
	entries, err := os.ReadDir(o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading which offloads are switched off: %w", err)
	}
	var all []int
	for _, e := range entries {
		if i, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, i)
		}
	}
	return all, nil
}

// restoreOf switches stripping on again on those devices that are not one of
// ports.
func (o offloads) restoreOf(switched []int, ports []dataplane.Port) error {
	var errs []error
	for _, i := range switched {
		if !slices.ContainsFunc(ports, func(p dataplane.Port) bool { return p.Ifindex == i }) {
			errs = append(errs, o.restore(i))
		}
	}
	return errors.Join(errs...)
}

// restore switches stripping on and forgets about it. A device or a record
// that is gone needs no restoring.
func (o offloads) restore(ifindex int) error {
	if err := o.set(ifindex, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("switching VLAN offload on again: %w", err)
	}
	if err := os.Remove(o.record(ifindex)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting a switched-off offload: %w", err)
	}
	return nil
}

func (o offloads) record(ifindex int) string { return filepath.Join(o.dir, strconv.Itoa(ifindex)) }
