// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddAddress gives a device an address, which is used at once, without
// duplicate address detection.
func (h *Host) AddAddress(device string, a netip.Prefix) error {
	return h.device(device, "adding "+a.String()+" to", func(nl *netlink.Handle, link netlink.Link) error {
		if err := nl.AddrAdd(link, kernelAddr(a)); err != nil {
			return err
		}
		if a.Addr().Is4() || link.Attrs().Flags&net.FlagUp == 0 {
			return nil
		}
		return waitLocal(nl, a.Addr())
	})
}

// waitLocal waits until packets to an IPv6 address reach this host. The kernel
// sees to that a moment after it took the address.
func waitLocal(nl *netlink.Handle, a netip.Addr) error {
	filter := &netlink.Route{
		Dst: ipNet(netip.PrefixFrom(a, a.BitLen())), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_UNSPEC,
	}
	const fields = netlink.RT_FILTER_DST | netlink.RT_FILTER_TYPE | netlink.RT_FILTER_TABLE
	for range 1000 {
		routes, err := nl.RouteListFiltered(netlink.FAMILY_V6, filter, fields)
		if err != nil || len(routes) > 0 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the kernel doesn't use the address")
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
