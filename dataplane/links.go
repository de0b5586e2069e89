// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// portLink is an attached port.
type portLink struct {
	portRecord
	link link.Link
}

// attach makes a new link and pins it. In auto mode native is tried first.
func attach(r root, p Port, prog *ebpf.Program) (*portLink, error) {
	modes := []Mode{p.Mode}
	if p.Mode == Auto || p.Mode == "" {
		modes = []Mode{Native, Generic}
	}
	var err error
	for _, mode := range modes {
		var l link.Link
		l, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: p.Ifindex, Flags: attachFlags(mode)})
		if err == nil {
			err = pinLink(r, p.Name, l)
			if err != nil {
				l.Close()
				return nil, err
			}
			return &portLink{portRecord{p.Name, p.Ifindex, mode}, l}, nil
		}
		err = attachError(p.Name, mode, err)
		if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
			break // another's program: it would not be gone in the other mode
		}
	}
	return nil, err
}

func attachFlags(mode Mode) link.XDPAttachFlags {
	if mode == Generic {
		return link.XDPGenericMode
	}
	return link.XDPDriverMode
}

// pinLink pins in place of what may be left there.
func pinLink(r root, port string, l link.Link) error {
	pin := r.link(port)
	if err := os.Remove(pin); err != nil && !errors.Is(err, os.ErrNotExist) {
		return advise("removing "+pin, err)
	}
	return wrap("pinning the link of "+port, l.Pin(pin))
}

// adopt takes over the pinned link of a port. It returns nil where there is none
// that could still be used; what was pinned is gone then. known is what the
// manifest says of the port.
func adopt(r root, p Port, known *portRecord) (*portLink, error) {
	l, err := link.LoadPinnedLink(r.link(p.Name), nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, advise("opening the link of "+p.Name, err)
	}
	ifindex, err := linkIfindex(l)
	if err != nil {
		l.Close()
		return nil, err
	}
	if ifindex != p.Ifindex || known == nil || known.Ifindex != ifindex {
		return nil, dropLink(r, p.Name, l)
	}
	return &portLink{*known, l}, nil
}

// linkIfindex is 0 when the device has gone: the link is severed then.
func linkIfindex(l link.Link) (int, error) {
	info, err := l.Info()
	if err != nil {
		return 0, fmt.Errorf("asking about a link: %w", err)
	}
	xdp := info.XDP()
	if xdp == nil {
		return 0, errors.New("asking about a link: it is none of XDP")
	}
	return int(xdp.Ifindex), nil
}

// dropLink detaches: a link ends with its last pin and descriptor.
func dropLink(r root, port string, l link.Link) error {
	err := os.Remove(r.link(port))
	l.Close()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return advise("removing the link of "+port, err)
	}
	return nil
}

// pinnedPorts lists the ports that have a pinned link.
func (r root) pinnedPorts() []string {
	entries, _ := os.ReadDir(r.links())
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, portName(e.Name()))
	}
	return names
}
