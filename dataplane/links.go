// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// portLink is an attached port.
type portLink struct {
	portRecord
	link link.Link
}

// attach makes a new link and pins it.
func attach(r root, p Port, prog *ebpf.Program) (*portLink, error) {
	l, mode, err := attachXDP(p, prog)
	if err != nil {
		return nil, err
	}
	return keepLink(r, p.Name, mode, l)
}

// attachXDP makes a link, and tells its mode. In auto mode native is tried first.
func attachXDP(p Port, prog *ebpf.Program) (_ link.Link, mode Mode, err error) {
	modes := []Mode{p.Mode}
	if p.Mode == Auto || p.Mode == "" {
		modes = []Mode{Native, Generic}
	}
	for _, mode = range modes {
		var l link.Link
		l, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: p.Ifindex, Flags: attachFlags(mode)})
		if err == nil {
			return l, mode, nil
		}
		err = attachError(p.Name, mode, err)
		if isForeign(err) {
			break // it would not be gone in the other mode
		}
	}
	return nil, mode, err
}

// keepLink pins a link that was just made.
func keepLink(r root, name string, mode Mode, l link.Link) (*portLink, error) {
	record, err := linkRecord(name, mode, l)
	if err == nil {
		err = pinLink(r, name, l)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return &portLink{record, l}, nil
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

// adopt takes over the pinned link of a port. The kernel does not tell the mode;
// it is unknown if the process that attached it was killed before it wrote that
// down.
func adopt(r root, name string, known []portRecord) (*portLink, error) {
	l, err := link.LoadPinnedLink(r.link(name), nil)
	if err != nil {
		return nil, advise("opening the link of "+name, err)
	}
	record, err := linkRecord(name, "", l)
	if err != nil {
		l.Close()
		return nil, err
	}
	for _, k := range known {
		if k.Link == record.Link {
			record.Mode = k.Mode
		}
	}
	return &portLink{record, l}, nil
}

// linkRecord asks the kernel what it knows of a link.
func linkRecord(name string, mode Mode, l link.Link) (portRecord, error) {
	info, err := l.Info()
	if err != nil {
		return portRecord{}, fmt.Errorf("asking about the link of %s: %w", name, err)
	}
	xdp := info.XDP()
	if xdp == nil {
		return portRecord{}, fmt.Errorf("asking about the link of %s: it is none of XDP", name)
	}
	return portRecord{Name: name, Ifindex: int(xdp.Ifindex), Mode: mode, Link: uint32(info.ID)}, nil
}

// severed tells whether the device has gone: its link is good for nothing then.
func (l *portLink) severed() bool {
	now, err := linkRecord(l.Name, l.Mode, l.link)
	return err == nil && now.Ifindex == 0
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
