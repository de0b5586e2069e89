// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
)

// serviceFlags are those of a service record; affinity is the one in use.
func serviceFlags(s Service, affinity Affinity) uint32 {
	var flags pipelineServiceBit
	if s.Address.Is6() {
		flags |= pipelineServiceBitSERVICE_IPV6
	}
	switch s.Mode {
	case GUE:
		flags |= pipelineServiceBitSERVICE_GUE
	case L2:
		flags |= pipelineServiceBitSERVICE_L2
	}
	if affinity == AffinitySource {
		flags |= pipelineServiceBitSERVICE_AFFINITY_SOURCE
	}
	if s.Protocol == UDP || affinity == AffinitySource {
		flags |= pipelineServiceBitSERVICE_NO_START
	}
	switch s.Tracking {
	case TrackAlways:
		flags |= pipelineServiceBitSERVICE_ALWAYS
	case TrackNever:
		flags |= pipelineServiceBitSERVICE_NEVER
	}
	return uint32(flags)
}

// note is what the next process reads of a service beside its record.
func note(s Service, capacity uint32) pipelineServiceNote {
	n := pipelineServiceNote{Address: wireWords(s.Address), PortCount: uint16(len(s.Ports)), Protocol: uint16(s.Protocol), Capacity: capacity}
	copy(n.Name[:], s.Name)
	for i, port := range s.Ports {
		n.Ports[i] = wirePort(port)
	}
	return n
}

// noted is the service that a record and a note tell of, but for its backends
// and Settle.
func noted(record pipelineService, n pipelineServiceNote) Service {
	has := func(bit pipelineServiceBit) bool { return record.Flags&uint32(bit) != 0 }
	name, _, _ := bytes.Cut(n.Name[:], []byte{0})
	s := Service{Name: string(name), Address: wireAddr(n.Address, has(pipelineServiceBitSERVICE_IPV6)), Protocol: Protocol(n.Protocol),
		Mode: IPIP, Affinity: AffinityNone, Tracking: TrackChanged, TableSize: int(record.Size)}
	switch {
	case has(pipelineServiceBitSERVICE_GUE):
		s.Mode = GUE
	case has(pipelineServiceBitSERVICE_L2):
		s.Mode = L2
	}
	if has(pipelineServiceBitSERVICE_AFFINITY_SOURCE) {
		s.Affinity = AffinitySource
	}
	switch {
	case has(pipelineServiceBitSERVICE_ALWAYS):
		s.Tracking = TrackAlways
	case has(pipelineServiceBitSERVICE_NEVER):
		s.Tracking = TrackNever
	}
	for _, port := range n.Ports[:min(int(n.PortCount), MaxServicePorts)] {
		s.Ports = append(s.Ports, wirePort(port))
	}
	return s
}
