// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Rule is a policy routing rule of a host. Its family is that of From or To,
// IPv4 when both are zero.
type Rule struct {
	From, To netip.Prefix
	Input    string // device that packets come in by
	Mark     uint32
	Priority int
	Table    int
}

// AddRule adds a policy routing rule.
func (h *Host) AddRule(r Rule) error {
	return h.kernel(fmt.Sprintf("adding rule %d", r.Priority), func(nl *netlink.Handle) error {
		return nl.RuleAdd(kernelRule(r))
	})
}

// DeleteRule removes a policy routing rule.
func (h *Host) DeleteRule(r Rule) error {
	return h.kernel(fmt.Sprintf("deleting rule %d", r.Priority), func(nl *netlink.Handle) error {
		return nl.RuleDel(kernelRule(r))
	})
}

func kernelRule(r Rule) *netlink.Rule {
	kr := netlink.NewRule()
	kr.Src, kr.Dst = ipNet(r.From), ipNet(r.To)
	kr.Family = netlink.FAMILY_V4
	if r.From.Addr().Is6() || r.To.Addr().Is6() {
		kr.Family = netlink.FAMILY_V6
	}
	kr.IifName, kr.Mark, kr.Priority, kr.Table = r.Input, r.Mark, r.Priority, r.Table
	return kr
}

// Neighbor is a permanent entry of a host's neighbour table.
type Neighbor struct {
	Device  string
	Address netip.Addr
	MAC     net.HardwareAddr
}

// AddNeighbor adds a neighbour or replaces what is known of it.
func (h *Host) AddNeighbor(n Neighbor) error {
	return h.neighbor("adding", n, (*netlink.Handle).NeighSet)
}

// DeleteNeighbor removes a neighbour, also one that the kernel learnt.
func (h *Host) DeleteNeighbor(n Neighbor) error {
	return h.neighbor("deleting", n, (*netlink.Handle).NeighDel)
}

func (h *Host) neighbor(verb string, n Neighbor, do func(*netlink.Handle, *netlink.Neigh) error) error {
	what := fmt.Sprintf("%s neighbour %v on", verb, n.Address)
	return h.device(n.Device, what, func(nl *netlink.Handle, link netlink.Link) error {
		return do(nl, &netlink.Neigh{
			LinkIndex: link.Attrs().Index, Family: family(n.Address), State: netlink.NUD_PERMANENT,
			IP: n.Address.AsSlice(), HardwareAddr: n.MAC,
		})
	})
}
