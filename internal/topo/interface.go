// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"net"

	"github.com/vishvananda/netlink"
)

// Interface is what a host's kernel says of a network device.
type Interface struct {
	Index int
	Name  string
	MAC   net.HardwareAddr
	MTU   int  // bytes
	Up    bool // it is up and so is its other end
	// Program is the ID of the XDP program attached to it, 0 for none.
	Program uint32
}

// Interface looks a device up by name.
func (h *Host) Interface(name string) (i Interface, err error) {
	err = h.device(name, "reading", func(_ *netlink.Handle, link netlink.Link) error {
		a := link.Attrs()
		i = Interface{a.Index, a.Name, a.HardwareAddr, a.MTU, a.OperState == netlink.OperUp, 0}
		if a.Xdp != nil {
			i.Program = a.Xdp.ProgId
		}
		return nil
	})
	return i, err
}

// SetUp takes a device up or down. The kernel removes the routes of a device
// that goes down, and its IPv6 addresses.
func (h *Host) SetUp(name string, up bool) error {
	if up {
		return h.device(name, "taking up", (*netlink.Handle).LinkSetUp)
	}
	return h.device(name, "taking down", (*netlink.Handle).LinkSetDown)
}

// SetMTU sets the MTU of a device, in bytes.
func (h *Host) SetMTU(name string, mtu int) error {
	return h.device(name, "setting the MTU of", func(nl *netlink.Handle, link netlink.Link) error {
		return nl.LinkSetMTU(link, mtu)
	})
}

// SetMAC sets the Ethernet address of a device.
func (h *Host) SetMAC(name string, mac net.HardwareAddr) error {
	return h.device(name, "setting the MAC of", func(nl *netlink.Handle, link netlink.Link) error {
		return nl.LinkSetHardwareAddr(link, mac)
	})
}

// Rename gives a device another name.
func (h *Host) Rename(name, to string) error {
	return h.device(name, "renaming", func(nl *netlink.Handle, link netlink.Link) error {
		return nl.LinkSetName(link, to)
	})
}

// DeleteDevice removes a device; of a link, both ends.
func (h *Host) DeleteDevice(name string) error {
	return h.device(name, "deleting", (*netlink.Handle).LinkDel)
}
