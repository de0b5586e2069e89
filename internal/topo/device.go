// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Device is a network device of a host other than the end of a link. It comes
// up when it is added.
type Device struct {
	Name      string
	Kind      Kind
	Addresses []netip.Prefix

	Parent       string   // VLAN: the device that carries it
	VID          int      // VLAN ID
	ServiceTag   bool     // VLAN: 802.1ad instead of 802.1Q
	Table        int      // VRF: its routing table
	Members      []string // VRF, bond, bridge: existing devices to put in
	ActiveBackup bool     // bond: instead of balance-xor over layer 3 and 4
}

// Kind is a kind of network device.
type Kind string

// The kinds of devices. Not all kernels have all of them.
const (
	Dummy  Kind = "dummy"
	VLAN   Kind = "vlan"
	VRF    Kind = "vrf"
	Bond   Kind = "bond"
	Bridge Kind = "bridge"
)

// AddDevice adds a device and takes it up. Members of a bond are down for a
// moment and lose their addresses' IPv6 routes.
func (h *Host) AddDevice(d Device) error {
	err := h.kernel(fmt.Sprintf("adding %s %s", d.Kind, d.Name), func(nl *netlink.Handle) error {
		link, err := kernelDevice(nl, d)
		if err != nil {
			return err
		}
		return nl.LinkAdd(link)
	})
	if err != nil {
		return err
	}
	for _, m := range d.Members {
		if err := h.enslave(m, d); err != nil {
			return err
		}
	}
	if err := h.SetUp(d.Name, true); err != nil {
		return err
	}
	for _, a := range d.Addresses {
		if err := h.AddAddress(d.Name, a); err != nil {
			return err
		}
	}
	return nil
}

// enslave puts a device under another. A bond takes only devices that are
// down, and takes them up itself.
func (h *Host) enslave(member string, master Device) error {
	return h.device(member, "putting into "+master.Name, func(nl *netlink.Handle, link netlink.Link) error {
		m, err := nl.LinkByName(master.Name)
		if err != nil {
			return err
		}
		if master.Kind == Bond {
			if err := nl.LinkSetDown(link); err != nil {
				return err
			}
		}
		return nl.LinkSetMasterByIndex(link, m.Attrs().Index)
	})
}

func kernelDevice(nl *netlink.Handle, d Device) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = d.Name
	switch d.Kind {
	case Dummy:
		return &netlink.Dummy{LinkAttrs: attrs}, nil
	case VLAN:
		parent, err := nl.LinkByName(d.Parent)
		if err != nil {
			return nil, fmt.Errorf("parent %s: %w", d.Parent, err)
		}
		attrs.ParentIndex = parent.Attrs().Index
		protocol := netlink.VLAN_PROTOCOL_8021Q
		if d.ServiceTag {
			protocol = netlink.VLAN_PROTOCOL_8021AD
		}
		return &netlink.Vlan{LinkAttrs: attrs, VlanId: d.VID, VlanProtocol: protocol}, nil
	case VRF:
		return &netlink.Vrf{LinkAttrs: attrs, Table: uint32(d.Table)}, nil
	case Bond:
		return kernelBond(attrs, d.ActiveBackup), nil
	case Bridge:
		return &netlink.Bridge{LinkAttrs: attrs}, nil
	}
	return nil, fmt.Errorf("unknown kind %q", d.Kind)
}

func kernelBond(attrs netlink.LinkAttrs, activeBackup bool) *netlink.Bond {
	bond := netlink.NewLinkBond(attrs)
	if activeBackup {
		bond.Mode = netlink.BOND_MODE_ACTIVE_BACKUP
	} else {
		bond.Mode = netlink.BOND_MODE_BALANCE_XOR
		bond.XmitHashPolicy = netlink.BOND_XMIT_HASH_POLICY_LAYER3_4
	}
	bond.Miimon = 10 // ms
	return bond
}

// populate adds what a host has besides the ends of links.
func (h *Host) populate(spec HostSpec) error {
	for _, d := range spec.Devices {
		if err := h.AddDevice(d); err != nil {
			return err
		}
	}
	for _, n := range spec.Neighbors {
		if err := h.AddNeighbor(n); err != nil {
			return err
		}
	}
	for _, r := range spec.Routes {
		if err := h.AddRoute(r); err != nil {
			return err
		}
	}
	for _, r := range spec.Rules {
		if err := h.AddRule(r); err != nil {
			return err
		}
	}
	return nil
}
