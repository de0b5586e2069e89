// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"clearway/dataplane"
	"clearway/internal/netstate"
)

const ethernetVLAN = 0x8100 // 802.1Q

// l3Interfaces plans every device that can be an egress, and by that also those
// that packets can arrive on.
func (b *builder) l3Interfaces() []dataplane.L3Interface {
	var all []dataplane.L3Interface
	for i := range b.view.Links {
		l := &b.view.Links[i]
		if port := b.portOf(l); port != nil {
			all = append(all, b.l3Interface(l, port))
		}
	}
	return all
}

// portOf returns the device that the frames of an L3 interface leave by; nil if
// the link is none, or none that the fast path can write frames for.
//
// What arrives on a member of a bridge, team or Open vSwitch, or below an
// ipvlan, macsec or passthru macvlan, isn't the link's own: the other takes it
// first. A VRF takes nothing away; a device can route into one, which doesn't
// send anything itself.
func (b *builder) portOf(l *netstate.Link) *netstate.Link {
	switch {
	case !l.Ethernet, l.Type == "vrf", l.Claimed != "", l.Master != 0 && l.MasterType != "vrf":
		return nil
	case l.Type != "vlan":
		return l
	case l.VLANProtocol != ethernetVLAN:
		return nil
	}
	parent := b.indexes[l.Parent]
	if parent == nil || !parent.Ethernet || parent.Type == "vlan" { // two tags
		return nil
	}
	return parent
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
		if l.Master == port.Index && !l.Backup {
			members = append(members, l.Index)
		}
	}
	return members
}
