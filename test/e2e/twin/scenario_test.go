// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"clearway/dataplane"
	"clearway/internal/testkit/model"
	"clearway/internal/topo"
)

// scenario is a state of a router's kernel and a configuration of Clearway for
// it. The router's ports lead to devices of the same names on the host far,
// which is silent. Frames are made from topology, whose ifindexes are made up.
type scenario struct {
	topology *model.Topology
	links    []topo.Link
	devices  []topo.Device
	routes   []topo.Route
	rules    []topo.Rule
	known    []topo.Neighbor
	sysctls  []sysctl // set on the router when its devices exist
	mtus     map[string]int
	down     []string // ports without a carrier

	masters   map[string]string // of ports whose frames are another device's: a bond's
	multipath []multipath
	ports     []string // that Clearway is attached to
	mode      dataplane.Mode
	forward   forward
}

type sysctl struct{ key, value string }

// forward is the part of that name in the configuration.
type forward struct {
	allow, block []netip.Prefix
	hairpin      bool
}

// multipath is destinations and the places that packets to them may leave by.
type multipath struct {
	to   netip.Prefix
	hops map[place]bool
}

// place is where a frame leaves and whom it is for.
type place struct {
	port string
	vid  uint16
	to   dataplane.MAC
}

// silent keeps the host far from saying anything.
var silent = map[string]string{"net.ipv6.conf.default.disable_ipv6": "1"}

// routerSysctls let the router send every ICMP error, as no type is limited, and
// keep IPv6 addresses of devices that are put into others.
var routerSysctls = map[string]string{
	"net.ipv4.icmp_ratemask":                  "0",
	"net.ipv6.icmp.ratemask":                  "0",
	"net.ipv4.icmp_echo_ignore_broadcasts":    "0",
	"net.ipv6.conf.all.keep_addr_on_down":     "1",
	"net.ipv6.conf.default.keep_addr_on_down": "1",
}

// lab is a new blueprint: the two labs of a test are equal.
func (s *scenario) lab() *topo.Lab {
	return &topo.Lab{
		Links: s.links,
		Hosts: []topo.HostSpec{
			{Name: "far", Sysctls: silent},
			{Name: "router", Forward: true, Sysctls: routerSysctls, Devices: s.devices,
				Routes: s.routes, Rules: s.rules, Neighbors: s.known},
		},
	}
}

// config is the text of Clearway's configuration.
func (s *scenario) config() string {
	var b strings.Builder
	b.WriteString("interfaces:\n")
	for _, name := range s.ports {
		fmt.Fprintf(&b, "  - {name: %s, mode: %s}\n", name, s.mode)
	}
	b.WriteString("forward:\n")
	fmt.Fprintf(&b, "  hairpin: %t\n", s.forward.hairpin)
	writeList(&b, "allow", s.forward.allow)
	writeList(&b, "block", s.forward.block)
	return b.String()
}

func writeList(b *strings.Builder, key string, prefixes []netip.Prefix) {
	if len(prefixes) == 0 {
		return
	}
	fmt.Fprintf(b, "  %s:\n", key)
	for _, p := range prefixes {
		fmt.Fprintf(b, "    - %q\n", p)
	}
}

// withoutCarrier is the ports that are down and the devices that lead to no
// others.
func (s *scenario) withoutCarrier() []string {
	without := slices.Clone(s.down)
	up := func(device string) bool { return !slices.Contains(without, device) }
	for _, d := range s.devices { // those they are on come before them
		below := d.Members
		switch d.Kind {
		case topo.VLAN:
			below = []string{d.Parent}
		case topo.VRF:
			continue
		}
		if !slices.ContainsFunc(below, up) {
			without = append(without, d.Name)
		}
	}
	return without
}

// isLocal: the router has this address.
func (s *scenario) isLocal(a netip.Addr) bool {
	if a.IsLinkLocalUnicast() || a.IsLoopback() {
		return true // forwarded packets have none
	}
	for _, l := range s.topology.Local {
		if l == a {
			return true
		}
	}
	return false
}

// multipathOf returns the multipath route that an address may take, or nil.
func (s *scenario) multipathOf(a netip.Addr) *multipath {
	for i := range s.multipath {
		if s.multipath[i].to.Contains(a) {
			return &s.multipath[i]
		}
	}
	return nil
}

// device names an L3 interface or port by the topology's ifindex.
func (s *scenario) device(ifindex int) string {
	for _, l := range s.topology.L3 {
		if l.Ifindex == ifindex {
			return l.Name
		}
	}
	for _, p := range s.topology.Ports {
		if p.Ifindex == ifindex {
			return p.Name
		}
	}
	panic(fmt.Sprintf("no device %d", ifindex))
}
