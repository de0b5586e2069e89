// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// device is a link as rtnetlink describes it, with what is needed to find out
// the rest.
type device struct {
	Link
	below     int  // IFLA_LINK: of a stacked device, or the peer of a veth
	belowNSID int  // namespace that below is in, noNSID for ours
	nativeXDP bool // holds an XDP program in its driver
	claims    bool // takes frames from below before the IP stack sees them
	disabled6 bool // net.ipv6.conf.IF.disable_ipv6
	force6    bool // net.ipv6.conf.IF.force_forwarding
	mtu6      int  // net.ipv6.conf.IF.mtu, which routers may lower; 0 without IPv6

	peer          *device // of a veth; nil when unknown
	features              // unknown for a peer in a namespace that can't be found
	featuresKnown bool
}

const noNSID = -1

// Attributes and values that golang.org/x/sys lacks, from include/uapi/linux/
// if_link.h and if_tun.h.
const (
	sizeofIfInfomsg = 16

	iflaVLANID       = 1
	iflaVLANProtocol = 5
	iflaMacvlanMode  = 1
	iflaTunVNetHdr   = 5
	iflaBondSlave    = 1 // IFLA_BOND_SLAVE_STATE
	iflaXDPAttached  = 2
	iflaXDPProgID    = 4

	macvlanPassthru = 8
	macvlanSource   = 16
	bondBackup      = 1 // BOND_STATE_BACKUP
	xdpSKB          = 2 // XDP_ATTACHED_SKB

	iflaInet6Conf       = 2  // IFLA_INET6_CONF: an array of s32
	confMTU6            = 2  // DEVCONF_MTU6
	confDisableIPv6     = 26 // DEVCONF_DISABLE_IPV6
	confForceForwarding = 59 // DEVCONF_FORCE_FORWARDING, from Linux 6.17

	filterSkipStats = 1 << 3 // RTEXT_FILTER_SKIP_STATS
)

func (r *rtnetlink) devices() ([]device, error) {
	attrs := netlink.NewAttributeEncoder()
	attrs.Uint32(unix.IFLA_EXT_MASK, filterSkipStats)
	options, err := attrs.Encode()
	if err != nil {
		return nil, err
	}
	body := append(make([]byte, sizeofIfInfomsg), options...)
	devices, err := dump(r, unix.RTM_GETLINK, body, decodeDevice)
	if err != nil {
		return nil, fmt.Errorf("reading links: %w", err)
	}
	return devices, nil
}

// decodeDevice decodes an RTM_NEWLINK message: struct ifinfomsg and attributes.
func decodeDevice(b []byte) (device, bool, error) {
	d := device{belowNSID: noNSID}
	if len(b) < sizeofIfInfomsg {
		return d, false, errors.New("link message is too short")
	}
	if b[0] != unix.AF_UNSPEC { // of a bridge port
		return d, false, nil
	}
	kind := nativeUint16(b[2:])
	d.Index = int(nativeUint32(b[4:]))
	flags := nativeUint32(b[8:])
	d.Ethernet = kind == unix.ARPHRD_ETHER && flags&unix.IFF_LOOPBACK == 0
	d.Up = flags&unix.IFF_UP != 0 && flags&unix.IFF_LOWER_UP != 0

	attrs, err := netlink.NewAttributeDecoder(b[sizeofIfInfomsg:])
	if err != nil {
		return d, false, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.IFLA_IFNAME:
			d.Name = attrs.String()
		case unix.IFLA_ADDRESS:
			copy(d.MAC[:], attrs.Bytes())
		case unix.IFLA_MTU:
			d.MTU = int(attrs.Uint32())
		case unix.IFLA_MASTER:
			d.Master = int(attrs.Uint32())
		case unix.IFLA_LINK:
			d.below = int(attrs.Uint32())
		case unix.IFLA_LINK_NETNSID:
			d.belowNSID = int(attrs.Int32())
		case unix.IFLA_LINKINFO:
			attrs.Nested(d.decodeInfo)
		case unix.IFLA_XDP:
			attrs.Nested(d.decodeXDP)
		case unix.IFLA_AF_SPEC:
			attrs.Nested(func(families *netlink.AttributeDecoder) error {
				descend(families, d.decodeIPv6, unix.AF_INET6)
				return nil
			})
		}
	}
	return d, true, attrs.Err()
}

// decodeInfo decodes IFLA_LINKINFO, in which the kernel puts the kinds before
// the data.
func (d *device) decodeInfo(info *netlink.AttributeDecoder) error {
	var slave string
	for info.Next() {
		switch info.Type() {
		case unix.IFLA_INFO_KIND:
			d.Type = info.String()
		case unix.IFLA_INFO_DATA:
			info.Nested(d.decodeData)
		case unix.IFLA_INFO_SLAVE_KIND:
			slave = info.String()
		case unix.IFLA_INFO_SLAVE_DATA:
			if slave == "bond" {
				info.Nested(d.decodeBondSlave)
			}
		}
	}
	switch d.Type {
	case "ipvlan", "ipvtap", "macsec", "rmnet":
		d.claims = true
	}
	return nil
}

func (d *device) decodeData(data *netlink.AttributeDecoder) error {
	for data.Next() {
		switch {
		case d.Type == "vlan" && data.Type() == iflaVLANID:
			d.VID = data.Uint16()
		case d.Type == "vlan" && data.Type() == iflaVLANProtocol: // big endian
			if protocol := data.Bytes(); len(protocol) == 2 {
				d.VLANProtocol = binary.BigEndian.Uint16(protocol)
			}
		case (d.Type == "macvlan" || d.Type == "macvtap") && data.Type() == iflaMacvlanMode:
			mode := data.Uint32()
			d.claims = mode == macvlanPassthru || mode == macvlanSource
		case d.Type == "tun" && data.Type() == iflaTunVNetHdr:
			// With this header the writer may leave the checksum to us.
			d.PartialChecksum = data.Uint8() != 0
		}
	}
	return nil
}

func (d *device) decodeBondSlave(slave *netlink.AttributeDecoder) error {
	for slave.Next() {
		if slave.Type() == iflaBondSlave {
			d.Backup = slave.Uint8() == bondBackup
		}
	}
	return nil
}

func (d *device) decodeXDP(xdp *netlink.AttributeDecoder) error {
	for xdp.Next() {
		switch xdp.Type() {
		case iflaXDPAttached:
			mode := xdp.Uint8()
			d.nativeXDP = mode != 0 && mode != xdpSKB
		case iflaXDPProgID:
			d.Program = xdp.Uint32()
		}
	}
	return nil
}

// decodeIPv6 decodes the IPv6 part of IFLA_AF_SPEC.
func (d *device) decodeIPv6(spec *netlink.AttributeDecoder) error {
	for spec.Next() {
		if spec.Type() != iflaInet6Conf {
			continue
		}
		conf := spec.Bytes()
		value := func(i int) uint32 {
			if len(conf) < 4*i+4 {
				return 0
			}
			return nativeUint32(conf[4*i:])
		}
		d.disabled6, d.force6 = value(confDisableIPv6) != 0, value(confForceForwarding) != 0
		d.mtu6 = int(value(confMTU6))
	}
	return nil
}

// relate fills in what a link owes to the others: its master's type, the VLAN's
// parent, who claims its frames, and the peer of a veth in this namespace.
func relate(devices []device) {
	byIndex := indexed(devices)
	for i := range devices {
		d := &devices[i]
		if master := byIndex[d.Master]; master != nil {
			d.MasterType = master.Type
		}
		below := byIndex[d.below]
		if below == nil || d.belowNSID != noNSID {
			continue
		}
		switch {
		case d.Type == "vlan":
			d.Parent = d.below
		case d.Type == "veth":
			d.Peer.Name = below.Name
			d.peer = below
		case d.claims:
			below.Claimed = d.Type
		}
	}
}

func indexed(devices []device) map[int]*device {
	byIndex := make(map[int]*device, len(devices))
	for i := range devices {
		byIndex[devices[i].Index] = &devices[i]
	}
	return byIndex
}
