// SPDX-License-Identifier: Apache-2.0

package model

import (
	"slices"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// own asks whether the frame is ours to handle: it came to one of our L3
// interfaces, is addressed to it, and its IP header tells the truth.
func (m *Model) own(p *packet) string {
	if p.port == nil {
		return "pass_not_ours"
	}
	any := false
	for i := range m.State.L3 {
		l3 := &m.State.L3[i]
		if arrivesOn(l3, p.port.Ifindex) {
			any = true
			if l3.VID == p.vid() {
				p.ingress = l3
			}
		}
	}
	switch {
	case !any:
		return "pass_not_ours"
	case p.ingress == nil:
		return "pass_vlan"
	case dataplane.MAC(p.frame[:6]) != p.ingress.MAC:
		return "pass_not_ours"
	case p.ipv6 && !m.soundIPv6(p), !p.ipv6 && !m.soundIPv4(p):
		return "pass_header"
	}
	return ""
}

// arrivesOn reports whether frames of an L3 interface arrive on a device: on
// its members where it has any, or else on the device they leave by.
func arrivesOn(l3 *dataplane.L3Interface, ifindex int) bool {
	if len(l3.Members) > 0 {
		return slices.Contains(l3.Members, ifindex)
	}
	return l3.Port == ifindex
}

// soundIPv4 looks at the checksum of headers without options only: others go no
// further than to Linux, which looks at it, or to a service, which drops them.
func (m *Model) soundIPv4(p *packet) bool {
	h := p.frame[p.at:]
	header := int(h[0]&15) * 4
	return h[0]>>4 == 4 && header >= 20 &&
		p.length >= header && p.length <= len(h) &&
		(header > 20 || testkit.Checksum(h[:header]) == 0)
}

func (m *Model) soundIPv6(p *packet) bool {
	h := p.frame[p.at:]
	return h[0]>>4 == 6 && p.length > 40 && p.length <= len(h)
}
