// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"net"
	"net/netip"
)

// HostSpec is the blueprint of one [Host].
type HostSpec struct {
	Name string
	// Forward makes the host a router, for IPv4 and IPv6.
	Forward bool
	// Sysctls are set before any device exists, so that values under
	// conf.default hold for all of them. Keys as in [Host.SetSysctl].
	Sysctls map[string]string

	Devices   []Device
	Routes    []Route
	Rules     []Rule
	Neighbors []Neighbor
}

// Silent is a host that says nothing of its own: without IPv6, as that asks for
// neighbors and routers, and without addresses.
func Silent(name string) HostSpec {
	return HostSpec{Name: name, Sysctls: map[string]string{"net.ipv6.conf.default.disable_ipv6": "1"}}
}

// Link is a veth pair. Both ends come up.
type Link struct {
	A, B   End
	MTU    int // bytes; default 1500
	Queues int // receive and transmit queues of each end; default 1
}

// End is one end of a [Link].
type End struct {
	Host      string
	Name      string           // of the device
	MAC       net.HardwareAddr // nil: derived from the link's place in the lab
	Addresses []netip.Prefix   // used at once, without duplicate address detection
	NAPI      NAPI
}

// NAPI says what makes a veth device receive through NAPI. Without it the
// device refuses the frames that native XDP redirects to its peer.
type NAPI uint8

// The ways to NAPI. Every other offload of a link is off.
const (
	// NAPIByGRO switches GRO on, which merges TCP segments of one flow before
	// captures see them. On kernels before 5.13 it makes no NAPI.
	NAPIByGRO NAPI = iota
	// NAPIByXDP attaches a program that passes all, so that what captures see
	// is what was sent.
	NAPIByXDP
	// NAPINone leaves the device to whoever attaches a program to it.
	NAPINone
)
