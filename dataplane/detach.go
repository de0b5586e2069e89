// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf/link"
)

// Detach takes the program off the named ports, or, when none is named, takes
// every trace away: links first, then programs, maps and pins. It needs no
// process to run, and returns the names of the ports detached. It returns
// ErrBusy while a process holds the directory, ErrNotLoaded when there is
// nothing, and ErrForeignNamespace when the ports are in another network
// namespace; what is left of one that has gone can be detached from anywhere.
func Detach(bpffs string, ports []string) ([]string, error) {
	r := root(bpffs)
	if _, err := os.Stat(bpffs); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", bpffs, ErrNotLoaded)
	}
	lock, err := r.create()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	attached := r.pinnedPorts()
	if err := r.checkReach(attached); err != nil {
		return nil, err
	}
	for _, name := range ports {
		if !slices.Contains(attached, name) {
			return nil, fmt.Errorf("port %s: not attached (attached: %v)", name, attached)
		}
	}
	if len(ports) == 0 {
		ports = attached
	}
	var detached []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(ports))) {
		if err := detachPinned(r, name); err != nil {
			return detached, err
		}
		detached = append(detached, name)
	}
	if len(r.pinnedPorts()) > 0 {
		return detached, r.forget(detached)
	}
	return detached, r.remove()
}

// checkReach refuses to handle ports of another namespace that are still there.
func (r root) checkReach(ports []string) error {
	m, err := r.readManifest()
	if errors.Is(err, ErrNotLoaded) {
		return nil
	}
	if err != nil {
		return err
	}
	foreign := r.checkNamespace(m)
	if !errors.Is(foreign, ErrForeignNamespace) {
		return foreign
	}
	for _, name := range ports {
		l, err := adopt(r, name, nil)
		if err != nil {
			return err
		}
		severed := l.severed()
		l.link.Close()
		if !severed {
			return foreign
		}
	}
	return nil
}

func detachPinned(r root, name string) error {
	l, err := link.LoadPinnedLink(r.link(name), nil)
	if err != nil {
		return advise("opening the link of "+name, err)
	}
	return dropLink(r, name, l)
}

// forget takes ports out of the manifest.
func (r root) forget(ports []string) error {
	m, err := r.readManifest()
	if err != nil {
		return err
	}
	m.Ports = slices.DeleteFunc(m.Ports, func(p portRecord) bool { return slices.Contains(ports, p.Name) })
	return r.writeManifest(m)
}
