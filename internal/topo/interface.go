// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Interface is what a host's kernel says of a network device.
type Interface struct {
	Index int
	Name  string
	MAC   net.HardwareAddr
	MTU   int  // bytes
	Up    bool // it is up and so is its other end
}

// Interface looks a device up by name.
func (h *Host) Interface(name string) (i Interface, err error) {
	err = h.device(name, "reading", func(_ *netlink.Handle, link netlink.Link) error {
		a := link.Attrs()
		i = Interface{a.Index, a.Name, a.HardwareAddr, a.MTU, a.OperState == netlink.OperUp}
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

// AddAddress gives a device an address, which is used at once, without
// duplicate address detection.
func (h *Host) AddAddress(device string, a netip.Prefix) error {
	return h.device(device, "adding "+a.String()+" to", func(nl *netlink.Handle, link netlink.Link) error {
		return nl.AddrAdd(link, kernelAddr(a))
	})
}

// DeleteAddress takes an address from a device.
func (h *Host) DeleteAddress(device string, a netip.Prefix) error {
	return h.device(device, "taking "+a.String()+" from", func(nl *netlink.Handle, link netlink.Link) error {
		return nl.AddrDel(link, kernelAddr(a))
	})
}

func kernelAddr(a netip.Prefix) *netlink.Addr {
	addr := &netlink.Addr{IPNet: ipNet(a)}
	if a.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	return addr
}
