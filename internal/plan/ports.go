// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
)

// PortError says why an interface can't be a port, and what to do about it.
type PortError struct {
	Interface string
	Problem   string
	Remedy    string
}

func (e *PortError) Error() string {
	return fmt.Sprintf("interface %s %s; %s", e.Interface, e.Problem, e.Remedy)
}

// Offloads returns the ifindexes of ports on which rx-vlan-offload is on and
// must be off before Build's State is applied: with it XDP takes a tagged frame
// for an untagged one. That matters also where the port has no VLAN: Linux
// drops what is tagged with another's.
func Offloads(c *config.Config, v netstate.View) []int {
	b := newBuilder(c, v)
	var on []int
	for _, i := range c.Interfaces {
		l := b.links[i.Name]
		if l != nil && !b.tooHigh(l) && b.refuse(i, l) == nil && l.RXVLANOffload && !l.RXVLANFixed {
			on = append(on, l.Index)
		}
	}
	return on
}

// ports plans those ports that there are and that can be ones.
func (b *builder) ports() ([]dataplane.Port, []error) {
	var ports []dataplane.Port
	var errs []error
	for _, i := range b.config.Interfaces {
		l := b.links[i.Name]
		if l == nil {
			b.warn(i.Name, "the interface doesn't exist; it becomes a port when it appears")
			continue
		}
		if err := b.refuse(i, l); err != nil {
			errs = append(errs, err)
			continue
		}
		if b.tooHigh(l) { // see checkIndexes
			continue
		}
		b.warnPort(i, l)
		ports = append(ports, dataplane.Port{Name: i.Name, Ifindex: l.Index, Mode: i.Mode})
	}
	return ports, errs
}

// refuse says why a link can't be a port; nil if it can.
func (b *builder) refuse(i config.Interface, l *netstate.Link) error {
	if err := b.refuseKind(l); err != nil {
		return err
	}
	tags := b.hasVLANs(l)
	switch {
	case l.LRO:
		return &PortError{l.Name, "merges received packets (large-receive-offload)",
			fmt.Sprintf("run `ethtool -K %s lro off`", l.Name)}
	case tags && l.RXVLANFixed:
		return &PortError{l.Name, "takes VLAN tags off before XDP sees them, and its driver can't stop that",
			"move its VLANs to another device"}
	case tags && l.HiddenTags:
		return &PortError{l.Name, "gets VLAN tags beside the frame, where XDP doesn't see them",
			fmt.Sprintf("run `%s`", atPeer(l, "txvlan off"))}
	case l.PartialChecksum && !i.AllowPartialChecksum:
		return refuseChecksum(i, l)
	}
	return nil
}

func (b *builder) refuseKind(l *netstate.Link) error {
	switch {
	case !l.Ethernet:
		return &PortError{l.Name, "is no Ethernet device", "list Ethernet devices under interfaces"}
	case l.Type == "vlan":
		below := "the device below it"
		if parent := b.indexes[l.Parent]; parent != nil {
			below = parent.Name
		}
		return &PortError{l.Name, "is a VLAN", fmt.Sprintf("list %s instead: its VLANs are included", below)}
	case l.Type == "bond" || l.Type == "vrf":
		var members []string
		for _, m := range b.view.Links {
			if m.Master == l.Index {
				members = append(members, m.Name)
			}
		}
		return &PortError{l.Name, "is a " + l.Type,
			strings.TrimSpace(fmt.Sprintf("list its members instead: %s", strings.Join(members, ", ")))}
	}
	return nil
}

// refuseChecksum refuses a link whose frames may arrive with unfinished
// checksums, which only a device could finish that the fast path has not.
func refuseChecksum(i config.Interface, l *netstate.Link) error {
	var remedy string
	switch {
	case l.Type == "veth":
		remedy = fmt.Sprintf("run `%s`", atPeer(l, "tx off"))
	case l.Driver == "virtio_net" && i.Mode == dataplane.Native:
		return nil // the driver stops it while a native program is attached
	case l.Driver == "virtio_net":
		remedy = "set `mode: native`, in which the driver doesn't let that happen"
	default:
		remedy = "open the tap without IFF_VNET_HDR (`ip tuntap add … mode tap`, without vnet_hdr)"
	}
	return &PortError{l.Name, "may get frames with unfinished checksums",
		remedy + ", or set `allow-partial-checksum: true`"}
}

// atPeer is the command line that changes an offload of a veth's peer.
func atPeer(l *netstate.Link, change string) string {
	peer := l.Peer.Name
	if peer == "" {
		peer = "PEER" // in a namespace that can't be found from here
	}
	command := fmt.Sprintf("ethtool -K %s %s", peer, change)
	if l.Peer.Namespace != "" {
		command = fmt.Sprintf("nsenter --net=%s %s", l.Peer.Namespace, command)
	}
	return command
}

func (b *builder) hasVLANs(l *netstate.Link) bool {
	for _, child := range b.view.Links {
		if child.Type == "vlan" && child.Parent != 0 && (child.Parent == l.Index || child.Parent == l.Master) {
			return true
		}
	}
	return false
}
