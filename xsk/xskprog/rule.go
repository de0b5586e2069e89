// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"fmt"
	"net/netip"
	"slices"
)

// Rule says which packets go to a socket: those that fit all of its fields that
// are not zero. It looks at IPv4 and IPv6, behind up to two VLAN tags.
//
// Fragments have no ports as far as rules are concerned, nor have IPv6 packets
// with extension headers a protocol other than that of the first header: a rule
// that asks for it leaves them to Linux.
type Rule struct {
	Protocol         uint8 // such as 17, UDP
	SrcPort, DstPort uint16
	SrcPrefix        netip.Prefix
	DstPrefix        netip.Prefix
}

// hasPorts lists the protocols that begin with a source and a destination port:
// TCP, UDP, DCCP, SCTP, UDP-Lite.
var hasPorts = []uint8{6, 17, 33, 132, 136}

// maxRules keeps the program's jumps within the 16 bits that they have: a rule
// takes up to 35 instructions.
const maxRules = 500

// check refuses what never matches.
func (r Rule) check() error {
	src, dst := r.SrcPrefix, r.DstPrefix
	if src.IsValid() && dst.IsValid() && src.Addr().Is4() != dst.Addr().Is4() {
		return fmt.Errorf("rule %+v: prefixes of IPv4 and IPv6 in one rule match nothing; make two rules", r)
	}
	if (r.SrcPort != 0 || r.DstPort != 0) && r.Protocol != 0 && !slices.Contains(hasPorts, r.Protocol) {
		return fmt.Errorf("rule %+v: protocol %d has no ports", r, r.Protocol)
	}
	return nil
}
