// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const sizeofRuleHdr = 12 // struct fib_rule_hdr

// rule is what matters of a routing rule.
//
// The FIB helper runs the rules with the addresses, the input interface, TOS,
// flow label, protocol and ports of a packet, as Linux does when it forwards
// one; the socket's user is root in both. So rules that select by from, to,
// iif, oif, tos, dscp, flowlabel, ipproto or uidrange are followed, and so are
// l3mdev, goto, suppress_* and all actions. What the helper can't know is the
// mark that a firewall put on a packet and the tunnel that it came through.
type rule struct {
	mark, tunnel, iif bool
	ports             bool
	protocol          uint8
}

// portProtocols have the ports where the data path reads them. For others the
// kernel's dissector takes some other bytes for ports (ESP), or none.
var portProtocols = []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_DCCP, unix.IPPROTO_SCTP, unix.IPPROTO_UDPLITE}

// beyond says whether the helper can't follow the rule.
func (r rule) beyond() bool {
	return r.mark || r.tunnel || r.ports && !slices.Contains(portProtocols, r.protocol)
}

func (r *rtnetlink) rules(family uint8) ([]rule, error) {
	body := make([]byte, sizeofRuleHdr)
	body[0] = family
	rules, err := dump(r, unix.RTM_GETRULE, body, decodeRule)
	if err != nil {
		return nil, fmt.Errorf("reading routing rules: %w", err)
	}
	return rules, nil
}

// decodeRule decodes an RTM_NEWRULE message: struct fib_rule_hdr and attributes.
func decodeRule(b []byte) (rule, bool, error) {
	var r rule
	if len(b) < sizeofRuleHdr {
		return r, false, errors.New("rule message is too short")
	}
	attrs, err := netlink.NewAttributeDecoder(b[sizeofRuleHdr:])
	if err != nil {
		return r, false, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.FRA_FWMARK, unix.FRA_FWMASK:
			r.mark = r.mark || attrs.Uint32() != 0
		case unix.FRA_TUN_ID:
			r.tunnel = true
		case unix.FRA_IIFNAME:
			r.iif = true
		case unix.FRA_SPORT_RANGE, unix.FRA_DPORT_RANGE:
			r.ports = true
		case unix.FRA_IP_PROTO:
			r.protocol = attrs.Uint8()
		}
	}
	return r, true, attrs.Err()
}
