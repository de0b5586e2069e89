// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// passAll is an XDP program that passes every frame.
var passAll = []uint64{
	0x0000_0002_0000_00b7, // r0 = XDP_PASS
	0x0000_0000_0000_0095, // exit
}

// attach attaches an XDP program, given as instructions, in the driver. The
// device keeps it for as long as it lives.
func (h *Host) attach(device string, program []uint64) error {
	fd, err := loadProgram(program)
	if err != nil {
		return fmt.Errorf("%s: loading the program for %s: %w", h.name, device, err)
	}
	defer unix.Close(fd)
	err = h.Do(func() error { // the library has no such call on a handle
		link, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		return netlink.LinkSetXdpFdWithFlags(link, fd, unix.XDP_FLAGS_DRV_MODE)
	})
	if err != nil {
		return fmt.Errorf("%s: attaching a program to %s: %w", h.name, device, err)
	}
	return nil
}
