// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"net/netip"

	"clearway/dataplane"
)

// View is the state of one network namespace at one moment. It is not changed
// after it was read, so that it can be shared.
type View struct {
	Links []Link // by index
	// RedirectGuessed says that the kernel, older than 6.3, doesn't tell which
	// devices take redirected frames. That depends on the programs attached,
	// and nothing announces when it changes.
	RedirectGuessed bool

	// Local holds the addresses of this machine: the prefixes of RTN_LOCAL
	// routes in every table.
	Local []netip.Prefix

	// Broadcast holds the IPv4 broadcast addresses of this machine's networks,
	// RTN_BROADCAST routes. With routing rules, Linux takes no packet from one.
	Broadcast []netip.Prefix

	Exceptions []Exception
	// ExceptionsCut says that plain routes below an exception were left out of
	// Exceptions because they are too many: their packets are taken for
	// exceptions too.
	ExceptionsCut bool

	// XFRM4 and XFRM6 say that IPsec policies of a family stand in the way of
	// forwarded packets.
	XFRM4, XFRM6 bool

	// Rules4 and Rules6 say that routing rules of a family select by something
	// that the FIB helper doesn't know of a packet.
	Rules4, Rules6 bool
	// IifRules4 says that IPv4 routing rules select by input interface: the
	// reverse look-up of rp_filter can't follow those.
	IifRules4 bool

	Forwarding6 bool // net.ipv6.conf.all.forwarding
}

// Link is a network device.
type Link struct {
	Index  int
	Name   string
	Type   string // kind of a virtual device, as in `ip link add type`; empty for hardware
	Driver string // of hardware; empty for virtual devices

	MAC      dataplane.MAC
	MTU      int  // bytes
	Ethernet bool // ARPHRD_ETHER and not loopback
	Up       bool // administratively, and with a carrier

	Master     int    // ifindex, 0 = none
	MasterType string // Type of the master
	Backup     bool   // slave of a bond that must not receive now
	// Claimed is the Type of a device on top of this one that takes frames
	// before the IP stack sees them: ipvlan, macsec, and macvlan in passthru
	// or source mode. Empty when there is none.
	Claimed string

	Parent       int    // of a VLAN: ifindex of the device below; 0 if it is in another namespace
	VID          uint16 // of a VLAN
	VLANProtocol uint16 // of a VLAN: 0x8100 or 0x88a8

	Forward4 bool               // net.ipv4.conf.IF.forwarding
	Forward6 bool               // all.forwarding and IF.forwarding, or IF.force_forwarding
	RPFilter dataplane.RPFilter // the higher one of all.rp_filter and IF.rp_filter

	Program        uint32 // id of the XDP program on it, 0 = none
	RedirectNative bool   // takes frames redirected from native XDP
	RedirectFrags  bool   // and multi-buffer ones too
	ReceiveFrags   bool   // native XDP takes multi-buffer frames here

	RXVLANOffload bool // rx-vlan-hw-parse: tags are taken off before XDP
	RXVLANFixed   bool // and can't be switched off
	HiddenTags    bool // of a veth: the peer hands tags over beside the frame
	LRO           bool // large-receive-offload
	// PartialChecksum says that frames may arrive whose checksum the sender
	// left to a device that doesn't exist.
	PartialChecksum bool

	Peer Peer // of a veth
}

// Peer is the other end of a veth.
type Peer struct {
	Name string // empty when unknown
	// Namespace is a path that names the peer's network namespace, for
	// `nsenter --net=`; empty when it is ours, or unknown.
	Namespace string
}

// Exception is a destination prefix whose routes the FIB helper reads in
// another way than Linux does, or a more specific one below it that is plain.
// For an address the longest prefix counts.
type Exception struct {
	Prefix    netip.Prefix
	Exception bool
	Reason    string // why, for the operator; empty for a plain one
}

// ByName returns the link of that name, or nil.
func (v View) ByName(name string) *Link {
	for i := range v.Links {
		if v.Links[i].Name == name {
			return &v.Links[i]
		}
	}
	return nil
}

// ByIndex returns the link with that index, or nil.
func (v View) ByIndex(index int) *Link {
	for i := range v.Links {
		if v.Links[i].Index == index {
			return &v.Links[i]
		}
	}
	return nil
}
