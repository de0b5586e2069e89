// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/netip"
	"time"
)

// Service is an address and ports that the balance lane spreads over backends.
// It must not be changed once it is part of a State. Two services of one State
// have neither a name nor an address, protocol and port in common.
type Service struct {
	Name     string // what it is known by over changes and restarts; 1 to 63 bytes
	Address  netip.Addr
	Protocol Protocol
	Ports    []uint16 // at most MaxServicePorts; none: all that no other service has
	Mode     ServiceMode
	Affinity Affinity
	Tracking Tracking
	// Settle is how long flows that were there before a change of the table
	// have time to be recorded, before those without a record move.
	Settle time.Duration
	// TableSize is the number of slots, a prime of at most 131071. While a
	// change of it is under way, the former one is in use: see State.ResizeNow.
	TableSize int
	Backends  []Backend // their addresses differ; at most MaxServiceBackends
}

// Limits of a service.
const (
	MaxServicePorts    = 32        // SERVICE_PORTS in bpf/abi.h
	MaxServiceBackends = 1<<15 - 1 // backends have 15 bits in a slot
	MaxTableSize       = 131071
)

// Protocol is one above IP, by its number.
type Protocol uint8

// The protocols of services.
const (
	TCP Protocol = 6
	UDP Protocol = 17
)

// ServiceMode is how packets reach backends.
type ServiceMode string

// The modes. The first two leave the packet itself untouched.
const (
	IPIP ServiceMode = "ipip" // in an IP packet of the backend's family (RFC 2003, 2473, 4213)
	GUE  ServiceMode = "gue"  // directly in UDP: variant 1 of Generic UDP Encapsulation
	L2   ServiceMode = "l2"   // to the backend's MAC address, TTL less one
)

// Affinity is what of a packet tells its flow.
type Affinity string

// The affinities.
const (
	AffinityNone   Affinity = "none"   // source address and both ports
	AffinitySource Affinity = "source" // source address
)

// Tracking is which flows are recorded.
type Tracking string

// The ways of tracking.
const (
	TrackChanged Tracking = "changed" // those that a change of the table would move
	TrackAlways  Tracking = "always"  // all; in a full set the one needed least makes room
	TrackNever   Tracking = "never"   // none: flows go with the table
)

// Backend is a server of a service.
type Backend struct {
	Address netip.Addr
	Weight  uint16 // share of the slots, relative to the others; 0 takes none
	Alive   bool   // its flows may go on
	Accept  bool   // new ones may come, unless Weight is 0
	// State and Order don't change what packets do. They are kept for people
	// and for the next process.
	State BackendState
	Order Order
}

// BackendState sums up what is known of a backend.
type BackendState uint8

// The states. Unknown is a backend that no health check has answered for yet.
const (
	Unknown BackendState = iota
	Active
	Draining
	Down
	Disabled
)

func (s BackendState) String() string {
	return [...]string{"unknown", "active", "draining", "down", "disabled"}[min(s, Disabled)]
}

// Order is what the operator told a backend at run time.
type Order uint8

// The orders.
const (
	NoOrder Order = iota
	OrderDrain
	OrderDisable
)

func (o Order) String() string { return [...]string{"none", "drain", "disable"}[min(o, OrderDisable)] }

// NextHop is the way to a backend. The zero MAC says that it is not resolved: its
// packets ask the kernel one by one.
type NextHop struct {
	Egress int // L3 ifindex; one of State.L3
	MAC    MAC
	MTU    int // bytes; of the route
}

// Balance are the properties that all services share.
type Balance struct {
	OuterHash bool // the map of tables is a hash, not an array
	// Seed of the tables and of the flow hash: balancers with the same one and
	// the same services choose the same backends.
	Seed             uint64
	Source4, Source6 netip.Prefix // of outer source addresses
	GUEPort          uint16
	ICMPRate         int // answers to packets too big, a second and CPU
}

// ServiceStats is a service as it is, with what it counted. Backends are in the
// order of their addresses, those that have left their service last. Σ
// Backends.Sent and Dropped make up what arrived for it, but for frames lost after
// the decision (drop_emit, drop_no_finalize).
type ServiceStats struct {
	Name      string
	Address   netip.Addr
	Protocol  Protocol
	Ports     []uint16 // none: any
	Mode      ServiceMode
	Affinity  Affinity
	Tracking  Tracking
	TableSize int
	// Settled, Moving and Tail are the slots in each state: nothing to look up;
	// new flows go elsewhere than those without a record; and records may be
	// left. Resizing says that all flows are being recorded for a new size.
	Settled, Moving, Tail int
	Resizing              bool
	FailOpen              bool // no backend accepts: the last table stays
	Dropped               Counter
	Recorded              uint64 // flows
	TrackFull             uint64 // flows that found no room to be
	Backends              []BackendStats
}

// BackendStats is a backend as it is. One that was taken out of its service is
// there until nothing refers to it any more.
type BackendStats struct {
	Address  netip.Addr
	Weight   uint16
	State    BackendState
	Order    Order
	Alive    bool
	Accept   bool
	Removed  bool
	Resolved bool // next hop and MAC are known
	Slots    int  // that send it new flows
	Sent     Counter
}
