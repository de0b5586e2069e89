// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/netstate"
)

const (
	ethernetHeader = 14
	tag            = 4
	etherIPv4      = 0x0800
	etherIPv6      = 0x86dd
	etherVLAN      = 0x8100
)

// explain runs a frame through the data path, and asks the kernel what it would
// do with the packet in it.
func explain(ctx context.Context, d Dataplane, m Machine, state dataplane.State, q control.ExplainRequest) (control.Explanation, error) {
	port, err := portOf(state, q.Interface)
	if err != nil {
		return control.Explanation{}, err
	}
	if len(q.Frame) < ethernetHeader {
		return control.Explanation{}, control.Invalidf("a frame has at least %d bytes, this one %d", ethernetHeader, len(q.Frame))
	}
	frame := bytes.Clone(q.Frame)
	if q.OwnMAC {
		putOwnMAC(frame, state, port)
	}
	found, err := d.Explain(port, frame)
	if err != nil {
		return control.Explanation{}, err
	}
	e := control.Explanation{
		Verdict: found.Verdict, Reason: found.Reason.String(), Stages: []control.Stage{},
		Ingress: l3Name(state, found.Ingress), Egress: l3Name(state, found.Egress),
		Service:  found.Service,
		InputHex: hex.EncodeToString(frame), OutputHex: hex.EncodeToString(found.Output),
	}
	for _, s := range found.Stages {
		e.Stages = append(e.Stages, control.Stage(s))
	}
	if found.Backend.IsValid() {
		e.Backend = found.Backend.String()
	}
	if found.NextHop != (dataplane.MAC{}) {
		e.NextHop = found.NextHop.String()
	}
	lookup, isIP := lookupOf(frame)
	if found.Reason == dataplane.Punted || found.Reason == dataplane.PassNoSocket {
		e.PuntRule = puntRule(state.Punt, lookup)
	}
	e.KernelRoute = "no IP packet"
	if isIP {
		lookup.Ingress = cmp.Or(found.Ingress, port)
		e.KernelRoute = kernelRoute(ctx, m, lookup)
	}
	return e, nil
}

// portOf finds a port of the state by name.
func portOf(state dataplane.State, name string) (ifindex int, err error) {
	var names []string
	for _, p := range state.Ports {
		if p.Name == name {
			return p.Ifindex, nil
		}
		names = append(names, p.Name)
	}
	if names == nil {
		names = []string{"none"}
	}
	return 0, control.Invalidf("clearway is not attached to %q, only to: %s", name, strings.Join(names, ", "))
}

func l3Name(state dataplane.State, ifindex int) string {
	if ifindex == 0 {
		return ""
	}
	return deviceName(state, ifindex)
}

// putOwnMAC addresses a frame to the L3 interface that its VLAN belongs to on
// a port, or to the untagged one where there is no such VLAN.
func putOwnMAC(frame []byte, state dataplane.State, port int) {
	vid := uint16(0)
	if binary.BigEndian.Uint16(frame[12:]) == etherVLAN && len(frame) >= ethernetHeader+tag {
		vid = binary.BigEndian.Uint16(frame[14:]) & 0x0fff
	}
	for _, wanted := range []uint16{vid, 0} {
		for _, l := range state.L3 {
			if l.VID == wanted && (l.Port == port || slices.Contains(l.Members, port)) {
				copy(frame, l.MAC[:])
				return
			}
		}
	}
}

// puntRule is the name of the rule for a packet that one is for. That of its port
// comes before that of any.
func puntRule(rules []dataplane.PuntRule, l netstate.Lookup) (name string) {
	for _, r := range rules {
		switch {
		case r.Address != l.Destination || uint8(r.Protocol) != l.Protocol:
		case r.Port == l.DestinationPort:
			return r.Name
		case r.Port == 0:
			name = r.Name
		}
	}
	return name
}

// kernelRoute is Linux' own answer for a packet, or why there is none.
func kernelRoute(ctx context.Context, m Machine, l netstate.Lookup) string {
	route, err := m.Find(ctx, l)
	if err != nil {
		return err.Error()
	}
	return route
}

// lookupOf reads what routing goes by from the IP packet in a frame with at
// most one tag.
func lookupOf(frame []byte) (l netstate.Lookup, ok bool) {
	at := ethernetHeader - 2
	if binary.BigEndian.Uint16(frame[at:]) == etherVLAN && len(frame) >= ethernetHeader+tag {
		at += tag
	}
	packet := frame[at+2:]
	header := 40
	switch kind := binary.BigEndian.Uint16(frame[at:]); {
	case kind == etherIPv4 && len(packet) >= 20:
		l.Source, l.Destination = netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:]))
		l.TOS, l.Protocol = packet[1]&^3, packet[9] // without the ECN bits, which don't route
		header = int(packet[0]&15) * 4
	case kind == etherIPv6 && len(packet) >= header:
		l.Source, l.Destination = netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
		l.Protocol, header = skipExtensions(packet)
	default:
		return l, false
	}
	if (l.Protocol == unix.IPPROTO_TCP || l.Protocol == unix.IPPROTO_UDP) && len(packet) >= header+4 {
		l.SourcePort, l.DestinationPort = binary.BigEndian.Uint16(packet[header:]), binary.BigEndian.Uint16(packet[header+2:])
	} else {
		l.Protocol = 0 // the kernel takes no other here
	}
	return l, true
}

// skipExtensions returns the protocol of what comes after the extension headers of
// an IPv6 packet (RFC 8200, RFC 4302), and where that begins.
func skipExtensions(packet []byte) (protocol uint8, header int) {
	protocol, header = packet[6], 40
	for len(packet) >= header+2 {
		next, length := packet[header], int(packet[header+1])
		switch protocol {
		case unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS:
			header += (length + 1) * 8
		case unix.IPPROTO_AH:
			header += (length + 2) * 4
		default:
			return protocol, header
		}
		protocol = next
	}
	return protocol, header
}
