// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	sizeofNhmsg        = 8 // struct nhmsg
	sizeofNexthopGroup = 8 // struct nexthop_grp
)

// nexthop is a nexthop object (Linux 5.3): one, or a group of others.
type nexthop struct {
	id     uint32
	encap  bool
	groups []uint32
}

// encapNexthops reads which nexthop objects put a header around packets, or
// are a group with one that does. Routes that use them don't show it where
// net.ipv4.nexthop_compat_mode is 0.
func (r *rtnetlink) encapNexthops() (map[uint32]bool, error) {
	all, err := dump(r, unix.RTM_GETNEXTHOP, make([]byte, sizeofNhmsg), decodeNexthop)
	if err != nil {
		return nil, fmt.Errorf("reading nexthop objects: %w", err)
	}
	encap := make(map[uint32]bool)
	for _, n := range all {
		if n.encap {
			encap[n.id] = true
		}
	}
	for _, n := range all { // groups hold no groups
		for _, member := range n.groups {
			if encap[member] {
				encap[n.id] = true
			}
		}
	}
	return encap, nil
}

// decodeNexthop decodes an RTM_NEWNEXTHOP message: struct nhmsg and attributes.
func decodeNexthop(b []byte) (nexthop, bool, error) {
	var n nexthop
	if len(b) < sizeofNhmsg {
		return n, false, errors.New("nexthop message is too short")
	}
	attrs, err := netlink.NewAttributeDecoder(b[sizeofNhmsg:])
	if err != nil {
		return n, false, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.NHA_ID:
			n.id = attrs.Uint32()
		case unix.NHA_ENCAP_TYPE:
			n.encap = true
		case unix.NHA_GROUP:
			for b := attrs.Bytes(); len(b) >= sizeofNexthopGroup; b = b[sizeofNexthopGroup:] {
				n.groups = append(n.groups, nativeUint32(b))
			}
		}
	}
	return n, n.encap || len(n.groups) > 0, attrs.Err()
}
