// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"net/netip"
	"slices"
)

// addressPorts is ADDRESS_PORTS in bpf/abi.h; serviceAmbiguous and puntRule are
// the services of those names.
const (
	addressPorts     = 6
	serviceAmbiguous = 0xffffffff
	puntRule         = 1 << 30
)

// portEntry is a service under a port of its address, in host byte order.
type portEntry struct {
	port     uint16
	protocol Protocol
	service  uint32 // number, or puntRule
}

// tenants are what packets to an address may be for.
type tenants struct {
	services []*registered
	rules    []PuntRule
}

// addAddresses works out the address records of a registry, in which services
// are numbered, and what of the prefix table points to them.
func (g *registry) addAddresses(have *registry, rules []PuntRule, size sizes, lists *ruleLists) error {
	byAddress := g.tenants(rules)
	records := make(map[netip.Addr]pipelineAddress, len(byAddress))
	further := map[netip.Addr][]portEntry{}
	for a, t := range byAddress {
		record := pipelineAddress{Mss: lists.at(a)}
		record.AnyTcp, record.AnyUdp = t.anyPort(TCP), t.anyPort(UDP)
		entries := t.portEntries()
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

func (g *registry) tenants(rules []PuntRule) map[netip.Addr]tenants {
	all := make(map[netip.Addr]tenants, len(g.services)+len(rules))
	for _, r := range g.services {
		t := all[r.Address]
		t.services = append(t.services, r)
		all[r.Address] = t
	}
	for _, r := range rules {
		t := all[r.Address]
		t.rules = append(t.rules, r)
		all[r.Address] = t
	}
	return all
}

func (g *registry) numberAddresses(have *registry, size sizes, records map[netip.Addr]pipelineAddress, further map[netip.Addr][]portEntry) error {
	wanted := make([]pipelineAddress, 0, len(records))
	for _, record := range records {
		wanted = append(wanted, record)
	}
	var err error
	if g.addresses, err = have.addresses.assign(wanted, 1, size.Addresses, "services"); err != nil {
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

// anyPort is whose all ports are that nobody names.
func (t tenants) anyPort(p Protocol) uint32 {
	for _, r := range t.services {
		if r.Protocol == p && len(r.Ports) == 0 {
			return r.number
		}
	}
	for _, r := range t.rules {
		if r.Protocol == p && r.Port == 0 {
			return puntRule
		}
	}
	return 0
}

// portEntries lists the ports in order, those of fragments, which are never
// punted, first.
func (t tenants) portEntries() []portEntry {
	var all []portEntry
	for _, r := range t.rules {
		if r.Port != 0 {
			all = append(all, portEntry{r.Port, r.Protocol, puntRule})
		}
	}
	for _, p := range []Protocol{TCP, UDP} {
		fragments := t.anyPort(p)
		for _, r := range t.services {
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
		if fragments != 0 && fragments != t.anyPort(p) {
			all = append(all, portEntry{0, p, fragments})
		}
	}
	slices.SortFunc(all, func(a, b portEntry) int {
		return cmp.Or(cmp.Compare(a.port, b.port), cmp.Compare(a.protocol, b.protocol))
	})
	return all
}
