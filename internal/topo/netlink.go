// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// kernel asks the host's kernel side for something over rtnetlink. Errors name
// the host and what was tried.
func (h *Host) kernel(what string, fn func(nl *netlink.Handle) error) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	err := ErrClosed // a closed handle would go on in the machine's own namespace
	if h.resident != nil {
		err = fn(h.nl)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", h.name, what, err)
	}
	return nil
}

// device asks for something that concerns one device.
func (h *Host) device(name, what string, fn func(nl *netlink.Handle, link netlink.Link) error) error {
	return h.kernel(what+" "+name, func(nl *netlink.Handle) error {
		link, err := nl.LinkByName(name)
		if err != nil {
			return err
		}
		return fn(nl, link)
	})
}

// ipNet converts a prefix; the zero prefix becomes nil.
func ipNet(p netip.Prefix) *net.IPNet {
	if !p.IsValid() {
		return nil
	}
	a := p.Addr()
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(p.Bits(), a.BitLen())}
}

// family returns the address family of an address; that of the zero address
// is IPv4.
func family(a netip.Addr) int {
	if a.Is6() {
		return netlink.FAMILY_V6
	}
	return netlink.FAMILY_V4
}
