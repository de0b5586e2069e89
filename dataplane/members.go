// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// seatMembers gives the backends of r their local indices: those that they have
// in present, or free ones. Backends that are not there any more are left where
// they are, without flows, until nothing refers to them.
func (a *advance) seatMembers(present, r *registered) error {
	r.members = slices.Clone(present.members)
	seats := make(map[netip.Addr]uint16, len(r.members))
	for i := range r.members {
		if m := &r.members[i]; !m.free() {
			m.remove()
			seats[m.address] = uint16(i)
		}
	}
	free := 1
	for _, b := range r.Backends {
		i, seated := seats[b.Address]
		if !seated {
			for free < len(r.members) && !r.members[free].free() {
				free++
			}
			if free > MaxServiceBackends {
				return errTooManyRefer(r.Name)
			}
			i = uint16(free)
			r.members = append(r.members, make([]member, max(0, free+1-len(r.members)))...)
		}
		counter, err := a.counter(r.members[i])
		if err != nil {
			return err
		}
		r.members[i] = member{address: b.Address, record: a.backendRecord(b, counter)}
		r.places = append(r.places, i)
	}
	return nil
}

// remove leaves a member where it is, without flows.
func (m *member) remove() {
	if m.removed {
		return
	}
	m.removed = true
	m.record.Flags &^= uint16(pipelineBackendBitBACKEND_ALIVE | pipelineBackendBitBACKEND_ACCEPT)
	m.record.Weight, m.record.State = 0, stateRemoved
}

// counter is the one that a member has, or a new one.
func (a *advance) counter(m member) (uint32, error) {
	if m.record.Counter != 0 {
		return m.record.Counter, nil
	}
	if a.counters == nil {
		a.counters = newAllocator(a.size.Backends, oneEach(a.have.counters))
	}
	n, ok := a.counters.take(1)
	if !ok {
		return 0, &LimitError{Limit: "backends", Have: a.state.Limits.Backends, Want: a.state.Limits.Backends + 1}
	}
	a.next.fresh.counters = append(a.next.fresh.counters, n)
	return n, nil
}

// backendRecord is what the programs see of a backend. Without a next hop they
// ask the kernel.
func (a *advance) backendRecord(b Backend, counter uint32) pipelineBackend {
	r := pipelineBackend{Address: wireWords(b.Address), Counter: counter, Weight: b.Weight, State: uint8(b.State), Order: uint8(b.Order)}
	var flags pipelineBackendBit
	if b.Alive {
		flags |= pipelineBackendBitBACKEND_ALIVE
	}
	if b.Accept && b.Weight > 0 {
		flags |= pipelineBackendBitBACKEND_ACCEPT
	}
	if b.Address.Is6() {
		flags |= pipelineBackendBitBACKEND_IPV6
	}
	r.Flags = uint16(flags)
	hop := a.state.NextHops[b.Address]
	l, known := a.l3s[hop.Egress]
	if !known || hop.MAC == (MAC{}) {
		return r
	}
	r.Dmac, r.Smac, r.Vid = hop.MAC, l.MAC, l.VID
	r.Device, r.Port, r.Egress = a.devices[l.Port], uint32(l.Port), uint32(l.Ifindex)
	r.Mtu = uint32(l.MTU)
	if hop.MTU > 0 {
		r.Mtu = min(r.Mtu, uint32(hop.MTU))
	}
	r.Flags |= uint16(pipelineBackendBitBACKEND_RESOLVED) | egressFlags(l)<<backendEgressShift
	return r
}

const backendEgressShift = 4 // BACKEND_EGRESS_SHIFT in bpf/abi.h

// wireWords are the four words of an address as the programs load them; IPv4 is
// in the first.
func wireWords(a netip.Addr) (words [4]uint32) {
	var bytes [16]byte
	copy(bytes[:], a.AsSlice())
	for i := range words {
		words[i] = binary.NativeEndian.Uint32(bytes[4*i:])
	}
	return words
}

func wireAddr(words [4]uint32, ipv6 bool) netip.Addr {
	var bytes [16]byte
	for i, w := range words {
		binary.NativeEndian.PutUint32(bytes[4*i:], w)
	}
	if ipv6 {
		return netip.AddrFrom16(bytes)
	}
	return netip.AddrFrom4([4]byte(bytes[:4]))
}

// wirePort turns a port into network byte order, or back.
func wirePort(port uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, port))
}
