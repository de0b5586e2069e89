// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"net/netip"
	"slices"
)

// addressPorts is ADDRESS_PORTS in bpf/abi.h, serviceAmbiguous the service of
// that name.
const (
	addressPorts     = 6
	serviceAmbiguous = 0xffffffff
)

// portEntry is a service under a port of its address, in host byte order.
type portEntry struct {
	port     uint16
	protocol Protocol
	service  uint32 // number
}

// addAddresses works out the address records of a registry, in which services
// are numbered, and what of the prefix table points to them.
func (g *registry) addAddresses(have *registry, size sizes, lists *ruleLists) error {
	byAddress := make(map[netip.Addr][]*registered, len(g.services))
	for _, r := range g.services {
		byAddress[r.Address] = append(byAddress[r.Address], r)
	}
	records := make(map[netip.Addr]pipelineAddress, len(byAddress))
	further := map[netip.Addr][]portEntry{}
	for a, services := range byAddress {
		record := pipelineAddress{Mss: lists.at(a)}
		record.AnyTcp, record.AnyUdp = anyPort(services, TCP), anyPort(services, UDP)
		entries := portEntries(services)
		for i, e := range entries[:min(len(entries), addressPorts)] {
			record.Port[i].Port, record.Port[i].Protocol, record.Port[i].Service = wirePort(e.port), uint16(e.protocol), e.service
		}
		if len(entries) > addressPorts {
			record.Many = 1
			further[a] = entries[addressPorts:]
		}
		records[a] = record
	}
	return g.numberAddresses(have, size, records, further)
}

func (g *registry) numberAddresses(have *registry, size sizes, records map[netip.Addr]pipelineAddress, further map[netip.Addr][]portEntry) error {
	wanted := make([]pipelineAddress, 0, len(records))
	for _, record := range records {
		wanted = append(wanted, record)
	}
	var err error
	if g.addresses, err = have.addresses.assign(wanted, 1, size.Services, "services"); err != nil {
		return err
	}
	g.prefixes = make(map[netip.Prefix]uint32, len(records))
	g.ports = map[pipelineServicePortKey]uint32{}
	for a, record := range records {
		index := g.addresses[record]
		g.prefixes[netip.PrefixFrom(a, a.BitLen())] = index
		for _, e := range further[a] {
			g.ports[pipelineServicePortKey{Address: index, Port: wirePort(e.port), Protocol: uint16(e.protocol)}] = e.service
		}
	}
	return nil
}

func anyPort(services []*registered, p Protocol) uint32 {
	for _, r := range services {
		if r.Protocol == p && len(r.Ports) == 0 {
			return r.number
		}
	}
	return 0
}

// portEntries lists the ports of the services of one address in order, those of
// fragments first.
func portEntries(services []*registered) []portEntry {
	var all []portEntry
	for _, p := range []Protocol{TCP, UDP} {
		fragments := anyPort(services, p)
		for _, r := range services {
			if r.Protocol != p || len(r.Ports) == 0 {
				continue
			}
			for _, port := range r.Ports {
				all = append(all, portEntry{port, p, r.number})
			}
			if fragments != 0 && fragments != r.number {
				fragments = serviceAmbiguous
			} else {
				fragments = r.number
			}
		}
		if fragments != 0 && fragments != anyPort(services, p) {
			all = append(all, portEntry{0, p, fragments})
		}
	}
	slices.SortFunc(all, func(a, b portEntry) int {
		return cmp.Or(cmp.Compare(a.port, b.port), cmp.Compare(a.protocol, b.protocol))
	})
	return all
}
