// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"strings"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
)

// The least MTU that a path must have: of IPv6 by RFC 8200, section 5; of IPv4
// what any host takes, RFC 1122, section 3.3.2.
const (
	leastMTU4 = 576
	leastMTU6 = 1280
)

// ways finds the ways to backends, and gathers what is wrong with them.
type ways struct {
	*builder
	from  map[netip.Addr]netstate.NextHop
	l3    map[int]dataplane.L3Interface // by ifindex
	ports []dataplane.Port
	hops  map[netip.Addr]dataplane.NextHop // found

	troubles []trouble // of the present service
}

// trouble is what the same is wrong with for some backends.
type trouble struct {
	text     string
	backends []netip.Addr
}

func (b *builder) newWays(from map[netip.Addr]netstate.NextHop, s *dataplane.State) *ways {
	w := &ways{
		builder: b, from: from, ports: s.Ports,
		l3:   make(map[int]dataplane.L3Interface, len(s.L3)),
		hops: make(map[netip.Addr]dataplane.NextHop),
	}
	for _, l := range s.L3 {
		w.l3[l.Ifindex] = l
	}
	return w
}

// local says whether an address is one of this machine's.
func (w *ways) local(a netip.Addr) bool { return w.from[a].Local }

// find takes the way to a backend up into hops, if it is one that frames can be
// written for. It returns false for a backend that packets can't get to, whatever
// its health check says. One without a route is none of these: that may be for a
// moment only, for which flows shouldn't move.
func (w *ways) find(s config.Service, backend netip.Addr) bool {
	hop, asked := w.from[backend]
	egress, ok := w.l3[hop.Egress]
	switch {
	case !asked:
		return true
	case hop.Local: // a BackendError
		return false
	case hop.Unreachable:
		w.note(backend, "there is no route, so that its packets are dropped (drop_no_neighbour); add one")
		return true
	case w.indexes[hop.Egress] == nil: // it came or went meanwhile, which is told of
		return true
	case hop.Encap:
		w.note(backend, "its route puts a header around packets, which only Linux does, so that it gets none; give it a plain route")
		return false
	case !ok:
		w.note(backend, fmt.Sprintf("its route leaves by %s, which XDP can't write frames for, so that it gets no packets; "+
			"route it by an Ethernet device or a VLAN on one", w.indexes[hop.Egress].Name))
		return false
	case s.Mode == dataplane.L2 && hop.Gateway != backend:
		w.note(backend, fmt.Sprintf("it is not on the link, but behind %v, so that it gets no packets in mode l2; "+
			"take mode ipip or gue", hop.Gateway))
		return false
	}
	w.hops[backend] = dataplane.NextHop{Egress: hop.Egress, MAC: hop.MAC, MTU: min(hop.MTU, egress.MTU)}
	w.checkRedirect(backend, egress)
	w.checkMTU(s, backend, hop, egress)
	return true
}

// checkRedirect looks whether the egress takes frames from every port. One that
// is a port itself may do so only once the program is attached there.
func (w *ways) checkRedirect(backend netip.Addr, egress dataplane.L3Interface) {
	device := w.indexes[egress.Port]
	if egress.RedirectNative {
		return
	}
	for _, p := range w.ports {
		if p.Ifindex == egress.Port && device.Program == 0 {
			return
		}
	}
	for _, p := range w.ports {
		if p.Ifindex == egress.Port || p.Mode == dataplane.Generic {
			continue
		}
		remedy := fmt.Sprintf("list %s under interfaces", device.Name)
		if device.Type == "veth" {
			remedy = fmt.Sprintf("run `%s`", atPeer(device, "gro on"))
		}
		w.note(backend, fmt.Sprintf("its route leaves by %s, which takes no frames from %s in native mode, so that they are dropped "+
			"(drop_emit); %s, or set `mode: generic` for %s", egress.Name, p.Name, remedy, p.Name))
		return
	}
}

// checkMTU looks whether packets of a usual size fit on the way.
func (w *ways) checkMTU(s config.Service, backend netip.Addr, hop netstate.NextHop, egress dataplane.L3Interface) {
	least := leastMTU4
	if s.Address.Is6() {
		least = leastMTU6
	}
	mtu, outer := w.hops[backend].MTU, overhead(s.Mode, backend)
	if mtu-outer >= least {
		return
	}
	where := egress.Name
	if hop.MTU < egress.MTU {
		where = "its route"
	}
	w.note(backend, fmt.Sprintf("packets of the service have at most %d bytes on the way to it, less than the %d that are needed; "+
		"raise the MTU of %s from %d to at least %d", mtu-outer, least, where, mtu, least+outer))
}

// overhead is how many bytes a mode puts in front of a packet.
func overhead(mode dataplane.ServiceMode, backend netip.Addr) int {
	const ipv4, ipv6, udp = 20, 40, 8
	if mode == dataplane.L2 {
		return 0
	}
	bytes := ipv4
	if backend.Is6() {
		bytes = ipv6
	}
	if mode == dataplane.GUE {
		bytes += udp
	}
	return bytes
}

func (w *ways) note(backend netip.Addr, text string) {
	for i := range w.troubles {
		if w.troubles[i].text == text {
			w.troubles[i].backends = append(w.troubles[i].backends, backend)
			return
		}
	}
	w.troubles = append(w.troubles, trouble{text, []netip.Addr{backend}})
}

func (w *ways) takeTroubles() []trouble {
	troubles := w.troubles
	w.troubles = nil
	return troubles
}

// warnTroubles warns of each trouble once, however many backends have it.
func (b *builder) warnTroubles(service string, troubles []trouble) {
	const most = 3 // that are named
	for _, t := range troubles {
		var names []string
		for _, a := range t.backends[:min(most, len(t.backends))] {
			names = append(names, a.String())
		}
		who := "backend"
		if len(t.backends) > 1 {
			who = "backends"
		}
		more := ""
		if n := len(t.backends) - most; n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		b.warn(placeOf(service), fmt.Sprintf("%s %s%s: %s", who, strings.Join(names, ", "), more, t.text))
	}
}

// placeOf tells a service from an interface of that name.
func placeOf(service string) string { return "service " + service }
