// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"slices"

	"github.com/cilium/ebpf"
)

// balanceSizes are the entries of the maps of the balance lane: one each while
// there are no services. Content gets a new number when it changes, and numbers
// rest before they are given on, so there are twice as many as can be in use.
// Addresses and their ports are those of punt rules, too.
type balanceSizes struct {
	Services     int // of services, their tables and counters
	Addresses    int
	ServicePorts int
	Backends     int // of backends and their counters
	Flows        int
	FlowsLRU     int
	OuterHash    bool // the map of tables is a hash
}

const (
	leastAddresses    = 64
	leastServicePorts = 256
)

func wantedBalanceSizes(s State, present balanceSizes, g *registry) balanceSizes {
	addresses, ports := addressEntries(s, present.Addresses), portSlots(s, present.ServicePorts)
	if len(s.Services) == 0 {
		return balanceSizes{Services: 1, Addresses: addresses, ServicePorts: ports, Backends: 1, Flows: 1, FlowsLRU: 1}
	}
	id, counter := g.highest()
	return balanceSizes{
		Services:     max(2*s.Limits.Services, int(id)) + 1,
		Addresses:    addresses,
		ServicePorts: ports,
		Backends:     max(2*s.Limits.Backends, int(counter)) + 1,
		Flows:        flowEntries(s, TrackChanged),
		FlowsLRU:     flowEntries(s, TrackAlways),
		OuterHash:    s.Balance.OuterHash,
	}
}

// grown is what the present generation has where that is enough, else with room to
// grow.
func grown(need, present, least int) int {
	if need <= present {
		return present
	}
	return max(least, 2*need)
}

// addressEntries has room for services up to their limit; only punt rules have none.
func addressEntries(s State, present int) int {
	need := len(s.Punt)
	if len(s.Services) > 0 {
		need += s.Limits.Services
	}
	need = 2*need + 1
	if len(s.Punt) == 0 {
		return need
	}
	return grown(need, present, leastAddresses)
}

// Each service may need one more port for fragments.
func portSlots(state State, present int) int {
	if len(state.Services)+len(state.Punt) == 0 {
		return 1
	}
	need := len(state.Punt)
	for _, s := range state.Services {
		need += len(s.Ports)
		if len(s.Ports) > 0 {
			need++
		}
	}
	return grown(2*need, present, leastServicePorts) // what a change replaces is there beside it
}

func flowEntries(s State, t Tracking) int {
	if slices.ContainsFunc(s.Services, func(s Service) bool { return s.Tracking == t }) {
		return s.Limits.Flows
	}
	return 1
}

// set gives the maps their sizes.
func (b balanceSizes) set(spec *ebpf.CollectionSpec) {
	for name, entries := range map[string]int{
		"addresses":        b.Addresses,
		"services":         b.Services,
		"service_notes":    b.Services,
		"tables":           b.Services,
		"service_counters": b.Services,
		"service_ports":    b.ServicePorts,
		"backends":         b.Backends,
		"backend_counters": b.Backends,
		"flows":            b.Flows,
		"flows_lru":        b.FlowsLRU,
	} {
		spec.Maps[name].MaxEntries = uint32(max(1, entries))
	}
	if b.OuterHash {
		spec.Maps["tables"].Type = ebpf.HashOfMaps
	}
}
