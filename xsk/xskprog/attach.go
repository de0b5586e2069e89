// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// ForeignError says whose program is on the device.
type ForeignError struct {
	ID   uint32 // of the program
	Name string // of the program; may be empty
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("the device has the XDP program %d %q already, which was left as it is; detach it first (bpftool net, ip link)", e.ID, e.Name)
}

// attach attaches the program in the first of the modes that works.
func (p *Program) attach(o Options) error {
	if err := checkForeign(o.Ifindex); err != nil {
		return err
	}
	if o.Mode != Generic {
		err := p.attachMode(o, unix.XDP_FLAGS_DRV_MODE)
		if err == nil || o.Mode == Native {
			p.native = err == nil
			return err
		}
	}
	return p.attachMode(o, unix.XDP_FLAGS_SKB_MODE)
}

func (p *Program) attachMode(o Options, mode uint32) error {
	if !o.Netlink {
		l, err := link.AttachXDP(link.XDPOptions{Program: p.program, Interface: o.Ifindex, Flags: link.XDPAttachFlags(mode)})
		if err == nil {
			p.attachment = l
			return nil
		}
		if !errors.Is(err, ebpf.ErrNotSupported) {
			return fmt.Errorf("attaching by a link: %w", err)
		}
	}
	a := &netlinkAttachment{o.Ifindex, mode, p.program}
	if err := a.set(); err != nil {
		return fmt.Errorf("attaching by netlink: %w", err)
	}
	p.attachment = a
	return nil
}

// checkForeign returns a ForeignError if a device has a program. The kernel
// would refuse too, but doesn't say whose it is.
func checkForeign(ifindex int) error {
	id, err := attached(ifindex)
	if err != nil || id == 0 {
		return err
	}
	foreign := &ForeignError{ID: id}
	if p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id)); err == nil {
		defer p.Close()
		if info, err := p.Info(); err == nil {
			foreign.Name = info.Name
		}
	}
	return foreign
}
