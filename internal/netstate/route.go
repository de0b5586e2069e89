// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// route is a route of any table, as rtnetlink tells it.
type route struct {
	prefix  netip.Prefix // destination
	table   int
	kind    uint8 // RTN_…
	special bool  // chosen by source or TOS too
	dead    bool  // can't be used while its device has no carrier
	gateway netip.Addr
	source  netip.Addr // that this machine would send from
	egress  int        // ifindex; of a multipath route that of the first leg
	legs    int        // of a multipath route
	metric  uint32
	mtu     uint32 // metric, 0 = none
	locked  bool   // the MTU holds against path MTU discovery too
	encap   bool   // some leg puts a header around packets
	nexthop uint32 // ID of a nexthop object, 0 = none
}

const (
	sizeofRtmsg     = 12 // struct rtmsg
	sizeofRtNexthop = 8  // struct rtnexthop
	rtaNHID         = 30 // RTA_NH_ID
	rtaxLock        = 1  // RTAX_LOCK
	rtaxMTU         = 2  // RTAX_MTU
)

// routeRequest is a struct rtmsg that asks for a family's routes of one type,
// or of all types if it is 0. Dumps hold no cached routes.
func routeRequest(family, kind uint8) []byte {
	body := make([]byte, sizeofRtmsg)
	body[0], body[7] = family, kind
	return body
}

// decodeRoute decodes an RTM_NEWROUTE or RTM_DELROUTE message: struct rtmsg and
// attributes.
func decodeRoute(b []byte) (route, error) {
	var r route
	if len(b) < sizeofRtmsg {
		return r, errors.New("route message is too short")
	}
	family, bits := b[0], int(b[1])
	r.special = b[2] != 0 || b[3] != 0
	r.table = int(b[4])
	r.kind = b[7]
	r.dead = b[8]&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0

	destination := netip.IPv4Unspecified()
	if family == unix.AF_INET6 {
		destination = netip.IPv6Unspecified()
	}
	attrs, err := netlink.NewAttributeDecoder(b[sizeofRtmsg:])
	if err != nil {
		return r, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.RTA_DST:
			destination, _ = netip.AddrFromSlice(attrs.Bytes())
		case unix.RTA_TABLE:
			r.table = int(attrs.Uint32())
		case unix.RTA_GATEWAY:
			r.gateway, _ = netip.AddrFromSlice(attrs.Bytes())
		case unix.RTA_VIA:
			r.gateway = decodeVia(attrs.Bytes())
		case unix.RTA_PREFSRC:
			r.source, _ = netip.AddrFromSlice(attrs.Bytes())
		case unix.RTA_OIF:
			r.egress = int(attrs.Uint32())
		case unix.RTA_PRIORITY:
			r.metric = attrs.Uint32()
		case unix.RTA_METRICS:
			attrs.Nested(r.decodeMetrics)
		case unix.RTA_ENCAP_TYPE:
			r.encap = true
		case rtaNHID:
			r.nexthop = attrs.Uint32()
		case unix.RTA_MULTIPATH:
			attrs.Do(r.decodeLegs)
		}
	}
	if err := attrs.Err(); err != nil {
		return r, err
	}
	r.prefix, err = destination.Prefix(bits)
	return r, err
}

// decodeVia decodes a struct rtvia: a gateway of another family.
func decodeVia(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	via, _ := netip.AddrFromSlice(b[2:])
	return via
}

func (r *route) decodeMetrics(metrics *netlink.AttributeDecoder) error {
	for metrics.Next() {
		switch metrics.Type() {
		case rtaxMTU:
			r.mtu = metrics.Uint32()
		case rtaxLock:
			r.locked = metrics.Uint32()&(1<<rtaxMTU) != 0
		}
	}
	return nil
}

// decodeLegs decodes RTA_MULTIPATH: struct rtnexthop and attributes, again and
// again.
func (r *route) decodeLegs(b []byte) error {
	for len(b) >= sizeofRtNexthop {
		size := int(nativeUint16(b))
		if size < sizeofRtNexthop || size > len(b) {
			return errors.New("leg of a multipath route is cut short")
		}
		attrs, err := netlink.NewAttributeDecoder(b[sizeofRtNexthop:size])
		if err != nil {
			return err
		}
		if r.legs++; r.legs == 1 {
			r.egress = int(nativeUint32(b[4:]))
		}
		for attrs.Next() {
			switch attrs.Type() {
			case unix.RTA_GATEWAY:
				if r.legs == 1 {
					r.gateway, _ = netip.AddrFromSlice(attrs.Bytes())
				}
			case unix.RTA_VIA:
				if r.legs == 1 {
					r.gateway = decodeVia(attrs.Bytes())
				}
			case unix.RTA_ENCAP_TYPE:
				r.encap = true
			}
		}
		if err := attrs.Err(); err != nil {
			return err
		}
		b = b[min(align4(size), len(b)):]
	}
	return nil
}
