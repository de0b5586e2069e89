// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
)

// pageMTU is the largest MTU whose frames fit into one page for native XDP:
// 4096 bytes, less 256 of headroom, 320 that the kernel keeps at the end
// (struct skb_shared_info) and an Ethernet header with a tag.
const pageMTU = 4096 - 256 - 320 - 18

// warnPort warns of what a port does otherwise than one may think.
func (b *builder) warnPort(i config.Interface, l *netstate.Link) {
	master := b.indexes[l.Master]
	switch {
	case l.Claimed != "":
		b.warn(l.Name, fmt.Sprintf("the %s on it takes its frames: all of them go to Linux", l.Claimed))
	case master != nil && master.Type != "vrf" && master.Type != "bond":
		b.warn(l.Name, fmt.Sprintf("it belongs to %s (%s): all its packets go to Linux", master.Name, master.Type))
	}
	if i.Mode != dataplane.Generic && l.MTU > pageMTU && !l.ReceiveFrags {
		b.warn(l.Name, fmt.Sprintf("its MTU of %d is more than native XDP takes without multi-buffer support (%d): "+
			"the driver may refuse; lower the MTU, or set `mode: generic`", l.MTU, pageMTU))
	}
	if l.RXVLANFixed {
		b.warn(l.Name, "it takes VLAN tags off before XDP sees them, and its driver can't stop that: "+
			"tagged frames to its MAC address are forwarded as if untagged")
	}
	if l.HiddenTags {
		b.warn(l.Name, fmt.Sprintf("its peer hands VLAN tags over beside the frame, where XDP doesn't see them: "+
			"run `%s` if it sends any", atPeer(l, "txvlan off")))
	}
}

// warnFamily warns of what leaves all packets of a family to Linux.
func (b *builder) warnFamily(family string, xfrm, rules bool) {
	if xfrm {
		b.warn(family, "there are IPsec policies: all packets go to Linux, which may have to encrypt them")
	}
	if rules {
		b.warn(family, "there are routing rules with fwmark, tun_id, or ports without one of the protocols "+
			"TCP, UDP, UDP-Lite, SCTP, DCCP: all packets go to Linux, since XDP can't follow them (`ip rule`)")
	}
}

// reverseInexact says whether the reverse look-up of rp_filter may come out
// otherwise than Linux's, which is made as if from the egress interface
// (fib_validate_source): by other rules, and if that is in a VRF, in its table.
func (b *builder) reverseInexact(own []dataplane.L3Interface) bool {
	vrf := slices.ContainsFunc(b.view.Links, func(l netstate.Link) bool { return l.MasterType == "vrf" })
	inexact := false
	for _, l := range own {
		if l.RPFilter == dataplane.RPFilterOff || !l.Forward4 {
			continue
		}
		why := ""
		switch {
		case b.view.IifRules4:
			why = "routing rules select by iif"
		case vrf:
			why = "there is a VRF"
		default:
			continue
		}
		inexact = true
		b.warn(l.Name, fmt.Sprintf("rp_filter is on and %s, which XDP can't check exactly: all IPv4 packets go to Linux; "+
			"set net.ipv4.conf.all.rp_filter and %s to 0", why, sysctl("ipv4", l.Name, "rp_filter")))
	}
	return inexact
}

// warnForwarding warns of ports that don't forward a family that is allowed.
func (b *builder) warnForwarding(own []dataplane.L3Interface) {
	allow := b.config.Forward.Allow
	allow4 := slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Addr().Is4() })
	allow6 := slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Addr().Is6() })
	if allow6 && !b.view.Forwarding6 && len(own) > 0 {
		b.warn("IPv6", "forwarding is off: Linux drops what it is left; set net.ipv6.conf.all.forwarding to 1")
	}
	for _, l := range own {
		link := b.indexes[l.Ifindex]
		if allow4 && !link.Forward4 {
			b.warn(l.Name, fmt.Sprintf("IPv4 forwarding is off; set %s to 1", sysctl("ipv4", l.Name, "forwarding")))
		}
		if allow6 && !link.Forward6 && b.view.Forwarding6 {
			b.warn(l.Name, fmt.Sprintf("IPv6 forwarding is off; set %s to 1", sysctl("ipv6", l.Name, "forwarding")))
		}
	}
}

func (b *builder) warnExceptions() {
	if b.view.ExceptionsCut {
		b.warn("routes", "a route with an MTU or an encapsulation has very many more specific ones: "+
			"what goes to those is left to Linux too")
	}
}

// sysctl names a sysctl with slashes, since interfaces may have dots.
func sysctl(family, name, key string) string {
	return fmt.Sprintf("net/%s/conf/%s/%s", family, name, key)
}
