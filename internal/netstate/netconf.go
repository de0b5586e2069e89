// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"

	"clearway/dataplane"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Attributes of RTM_NEWNETCONF, from include/uapi/linux/netconf.h.
const (
	netconfIfindex    = 1
	netconfForwarding = 2
	netconfRPFilter   = 3

	netconfAll = -1 // the ifindex of net.ipv4.conf.all
)

// netconf is what the sysctls net.ipv4.conf.IF or net.ipv6.conf.IF say.
type netconf struct {
	index      int
	forwarding bool
	rpFilter   dataplane.RPFilter
}

// netconfs reads the sysctls of one family by ifindex, those of "all" under
// netconfAll.
func (r *rtnetlink) netconfs(family uint8) (map[int]netconf, error) {
	all, err := dump(r, unix.RTM_GETNETCONF, []byte{family, 0, 0, 0}, decodeNetconf)
	if err != nil {
		return nil, fmt.Errorf("reading the forwarding sysctls: %w", err)
	}
	byIndex := make(map[int]netconf, len(all))
	for _, n := range all {
		byIndex[n.index] = n
	}
	return byIndex, nil
}

// decodeNetconf decodes an RTM_NEWNETCONF message: struct netconfmsg, padded,
// and attributes.
func decodeNetconf(b []byte) (netconf, bool, error) {
	var n netconf
	if len(b) < 4 {
		return n, false, errors.New("netconf message is too short")
	}
	attrs, err := netlink.NewAttributeDecoder(b[4:])
	if err != nil {
		return n, false, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case netconfIfindex:
			n.index = int(attrs.Int32())
		case netconfForwarding:
			n.forwarding = attrs.Int32() != 0
		case netconfRPFilter:
			n.rpFilter = dataplane.RPFilter(attrs.Int32())
		}
	}
	return n, true, attrs.Err()
}

// setForwarding fills in what the kernel would do with packets that arrive by
// each link. A link without IPv4 or IPv6 has no sysctls: it forwards nothing.
//
// IPv4 asks only the interface (IN_DEV_FORWARD) and takes the higher of both
// rp_filters (IN_DEV_RPFILTER). IPv6 asks "all" only, or from 6.17 on the
// interface's force_forwarding; the FIB helper asks the interface only, and
// not even for disable_ipv6. What is forwarded is what both would forward.
func setForwarding(devices []device, conf4, conf6 map[int]netconf) {
	for i := range devices {
		d := &devices[i]
		d.Forward4 = conf4[d.Index].forwarding
		d.RPFilter = max(conf4[netconfAll].rpFilter, conf4[d.Index].rpFilter)
		d.Forward6 = conf6[d.Index].forwarding && (conf6[netconfAll].forwarding || d.force6) && !d.disabled6
	}
}
