// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
)

const ethernetVLAN = 0x8100 // 802.1Q

// l3Interfaces plans every device that can be an egress, and by that also those
// that packets can arrive on.
func (b *builder) l3Interfaces() []dataplane.L3Interface {
	var all []dataplane.L3Interface
	for i := range b.view.Links {
		l := &b.view.Links[i]
		port := b.portOf(l)
		if port != nil && !b.tooHigh(l) && !b.tooHigh(port) {
			all = append(all, b.l3Interface(l, port))
		}
	}
	return all
}

// tooHigh says whether the maps have no place for a link.
func (b *builder) tooHigh(l *netstate.Link) bool { return l.Index > b.limit }

// checkIndexes returns an error if there are links that could be planned but for
// their index. Indexes only ever grow where links come and go, so the others
// are planned all the same.
func (b *builder) checkIndexes() error {
	top := 0
	for i := range b.view.Links {
		l := &b.view.Links[i]
		listed := slices.ContainsFunc(b.config.Interfaces, func(i config.Interface) bool { return i.Name == l.Name })
		if listed || b.portOf(l) != nil {
			top = max(top, l.Index)
		}
	}
	if top <= b.limit {
		return nil
	}
	return &dataplane.LimitError{Limit: "ifindex", Have: b.limit, Want: top}
}

// portOf returns the device that the frames of an L3 interface leave by; nil if
// the link is none, or none that the fast path can write frames for.
//
// What arrives on a member of a bridge, team or Open vSwitch, or below an
// ipvlan, macsec or passthru macvlan, isn't the link's own: the other takes it
// first. A VRF takes nothing away; a device can route into one, which doesn't
// send anything itself. Below a VLAN with the ID 0, which only takes a part of
// what is untagged to the fast path, all is left to Linux.
func (b *builder) portOf(l *netstate.Link) *netstate.Link {
	switch {
	case !l.Ethernet, l.Type == "vrf", l.Claimed != "", l.Master != 0 && l.MasterType != "vrf":
		return nil
	case b.hasVLAN0(l):
		return nil
	case l.Type != "vlan":
		return l
	case l.VLANProtocol != ethernetVLAN || l.VID == 0:
		return nil
	}
	parent := b.indexes[l.Parent]
	if parent == nil || !parent.Ethernet || parent.Type == "vlan" { // two tags
		return nil
	}
	return parent
}

func (b *builder) hasVLAN0(l *netstate.Link) bool {
	return slices.ContainsFunc(b.view.Links, func(v netstate.Link) bool {
		return v.Type == "vlan" && v.Parent == l.Index && v.VID == 0 && v.VLANProtocol == ethernetVLAN
	})
}

func (b *builder) l3Interface(l, port *netstate.Link) dataplane.L3Interface {
	up := l.Up && port.Up
	return dataplane.L3Interface{
		Name:    l.Name,
		Ifindex: l.Index,
		Port:    port.Index,
		Members: b.members(port),
		VID:     l.VID,
		MAC:     l.MAC,
		MTU:     min(l.MTU, port.MTU),
		// Linux takes nothing in by a VLAN that is down, but the FIB helper
		// would forward from it.
		Forward4:       l.Forward4 && up,
		Forward6:       l.Forward6 && up,
		RPFilter:       min(l.RPFilter, dataplane.RPFilterLoose),
		Up:             up,
		RedirectNative: port.RedirectNative,
		RedirectFrags:  port.RedirectFrags,
	}
}

// members returns the slaves that a bond receives by: the active ones. What
// comes in by a backup slave is a copy, which Linux drops.
func (b *builder) members(port *netstate.Link) []int {
	if port.Type != "bond" {
		return nil
	}
	var members []int
	for _, l := range b.view.Links {
		if l.Master == port.Index && !l.Backup && !b.tooHigh(&l) {
			members = append(members, l.Index)
		}
	}
	return members
}
