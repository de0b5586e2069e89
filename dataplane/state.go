// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"net/netip"
)

// State is what the data path should be: a blueprint, as opposed to the live
// [Dataplane]. It holds no routes: next hops come from the kernel's own tables
// at look-up time.
type State struct {
	Ports   []Port                 // interfaces whose ingress Clearway handles
	L3      []L3Interface          // where packets may arrive and leave
	Classes map[netip.Prefix]Class // what is known of addresses; prefixes are masked
	MSS     []MSSRule
	Options Options
	Limits  Limits

	Services []Service
	NextHops map[netip.Addr]NextHop // by address of a backend; one that lacks is not resolved
	Balance  Balance
	// ResizeNow makes a new table size, seed or affinity hold at once, which
	// moves flows. Otherwise flows are recorded for Settle before it does.
	ResizeNow bool

	Punt []PuntRule
}

// Port is a device to whose ingress the program is attached.
type Port struct {
	Name    string
	Ifindex int
	Mode    Mode
}

// Mode is how a program is attached to a port.
type Mode string

// The attach modes. Auto tries Native first and says which one it got; a port
// that is attached already stays as it is.
const (
	Auto    Mode = "auto"
	Native  Mode = "native"  // in the driver, before an skb exists
	Generic Mode = "generic" // on the skb: works everywhere, costs more
)

// MAC is an Ethernet address in wire order.
type MAC [6]byte

func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// L3Interface is an interface in the sense of the kernel's routing: a device
// without tags, or a VLAN on one.
type L3Interface struct {
	Name    string
	Ifindex int    // as routes name it
	Port    int    // ifindex of the device that frames leave by; Ifindex itself without a VLAN
	Members []int  // ifindexes of the devices that frames arrive on, where that is not Port: the slaves of a bond
	VID     uint16 // VLAN ID, 0 when untagged
	MAC     MAC
	MTU     int // bytes, of the L3 interface

	Forward4, Forward6 bool // forwarding is on for packets that arrive here
	RPFilter           RPFilter

	Up             bool // Port can transmit now
	RedirectNative bool // Port takes frames redirected from native XDP
	RedirectFrags  bool // and multi-buffer ones too
}

// RPFilter is the reverse-path check of RFC 3704 that the kernel would make.
// The values are those of the rp_filter sysctl.
type RPFilter uint8

// The reverse-path checks. IPv6 has none.
const (
	RPFilterOff    RPFilter = 0
	RPFilterStrict RPFilter = 1
	RPFilterLoose  RPFilter = 2
)

// Class says what is known of the addresses of a prefix, in its own right.
// What holds for an address is the union over all prefixes that contain it,
// but that Exception and NoException override each other, the longer prefix
// winning.
type Class uint8

// The class bits. They equal enum class_bit in bpf/abi.h.
const (
	Allow          Class = 1 << iota // packets from or to here may take the fast path
	Block                            // packets to here are dropped
	Local                            // an address of this machine
	NotSource                        // a router must not forward packets from here
	NotDestination                   // a router must not forward packets to here
	Exception                        // a route whose properties the FIB helper ignores
	NoException                      // a more specific route that has none of them
)

// MSSRule lowers the TCP maximum segment size on SYN and SYN-ACK.
type MSSRule struct {
	Prefix netip.Prefix // contains source or destination; the zero value matches all
	Egress int          // L3 ifindex of the egress; 0 matches all
	MSS    uint16       // bytes
}

// Options are the switches of the forward lane.
type Options struct {
	DryRun  bool // decide and count, but leave every packet to Linux
	Hairpin bool // forward also out of the L3 interface a packet came in by
	// Policy4 and Policy6 hand all packets of a family to Linux, because it
	// holds IPsec policies or routing rules that the FIB helper can't follow.
	Policy4, Policy6 bool
}

// Limits size the maps. Zero values mean the defaults.
type Limits struct {
	Allow        int // prefixes in State.Classes that are allowed or blocked; default 65536
	Interfaces   int // ports; default 64
	L3Interfaces int // L3 interfaces, and devices that can be redirected to; default 4096
	Ifindex      int // highest interface index; default 65535
	Services     int // default 4096
	Backends     int // pairs of service and backend; default 65536
	Flows        int // records; default 262144
}
