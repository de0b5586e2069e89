// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"slices"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// extensionHeaders are the IPv6 next headers that a router or IPsec may have
// to act on, but for 44, fragment, which has a reason of its own.
var extensionHeaders = []uint8{0, 43, 50, 51, 60, 135, 139, 140, 253, 254}

// admit asks whether the packet may take the fast path at all.
func (m *Model) admit(p *packet) string {
	src, dst := m.class(p.src), m.class(p.dst)
	switch {
	case !p.ipv6 && p.frame[p.at]&15 > 5, p.ipv6 && slices.Contains(extensionHeaders, p.protocol):
		return "pass_header"
	case p.fragment():
		return "pass_fragment"
	case p.length < p.headerLength()+p.transportRead():
		return "pass_truncated" // what was read was trailer
	case m.discovery(p):
		return "pass_ndp"
	case src&(dataplane.NotSource|dataplane.Local) != 0, dst&dataplane.NotDestination != 0:
		return "pass_address"
	case dst&dataplane.Local != 0:
		return "pass_local"
	case p.ttl <= 1:
		return "pass_ttl"
	case (src|dst)&dataplane.Allow == 0:
		return "pass_no_match"
	case dst&dataplane.Block != 0 && m.State.Options.DryRun:
		return "dry_run_block"
	case dst&dataplane.Block != 0:
		return "drop_blocked"
	case dst&dataplane.Exception != 0:
		return "pass_exception"
	case p.ipv6 && m.State.Options.Policy6, !p.ipv6 && m.State.Options.Policy4:
		return "pass_policy"
	}
	return ""
}

// discovery: router and neighbour discovery, redirects (RFC 4861).
func (m *Model) discovery(p *packet) bool {
	if !p.ipv6 || p.protocol != testkit.ProtoICMPv6 {
		return false
	}
	kind := p.frame[p.at+40]
	return kind >= 133 && kind <= 137
}

// class is the union of the classes of all prefixes that contain an address;
// Exception is set only if the longest that has an opinion of it says so. One
// that says both means the exception.
func (m *Model) class(a netip.Addr) dataplane.Class {
	const opinion = dataplane.Exception | dataplane.NoException
	var all, exception dataplane.Class
	longest := -1
	for prefix, class := range m.State.Classes {
		if !prefix.Contains(a) {
			continue
		}
		all |= class
		if class&opinion != 0 && prefix.Bits() > longest {
			longest, exception = prefix.Bits(), class&dataplane.Exception
		}
	}
	return all&^opinion | exception
}
