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
// ErrBusy while a process holds the directory, and ErrNotLoaded when there is
// nothing.
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
	for _, name := range ports {
		if !slices.Contains(attached, name) {
			return nil, fmt.Errorf("port %s: not attached (attached: %v)", name, attached)
		}
	}
	if ports == nil {
		ports = attached
	}
	for i, name := range ports {
		if err := detachPinned(r, name); err != nil {
			return ports[:i], err
		}
	}
	if len(r.pinnedPorts()) > 0 {
		return ports, nil
	}
	if err := os.RemoveAll(bpffs); err != nil {
		return ports, advise("removing "+bpffs, err)
	}
	return ports, nil
}

func detachPinned(r root, name string) error {
	l, err := link.LoadPinnedLink(r.link(name), nil)
	if err != nil {
		return advise("opening the link of "+name, err)
	}
	return dropLink(r, name, l)
}
