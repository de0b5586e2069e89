// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// frameTo is what the generator sends to a destination.
func frameTo(destination netip.Addr) []byte {
	source := source4
	if destination.Is6() {
		source = source6
	}
	return udpFrame(generatorMAC, ingressMAC, source, destination)
}

// newTraffic loads the programs that send a frame to each destination of flows
// in turn; they are of one family, and their number is a power of two. generate
// sends by gateway, an ifindex in the namespace of the calling thread, unless it
// is 0.
func newTraffic(flows []netip.Addr, gateway int) (*trafficObjects, error) {
	spec, variables, err := load[trafficVariableSpecs](loadTraffic)
	if err != nil {
		return nil, err
	}
	words := make([]uint32, variables.Flows.Size()/4)
	for i, a := range flows {
		if a.Is4() {
			words[i] = binary.NativeEndian.Uint32(a.AsSlice())
		} else {
			words[i] = binary.NativeEndian.Uint32(a.AsSlice()[4:])
		}
	}
	err = errors.Join(
		variables.Original.Set(originalOf(frameTo(unspecified(flows[0])))),
		variables.FlowMask.Set(uint32(len(flows)-1)),
		variables.GatewayIfindex.Set(uint32(gateway)),
		variables.Flows.Set(words),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up traffic: %w", err)
	}
	spec.Maps["tx_devices"].MaxEntries = uint32(gateway) + 1
	var objects trafficObjects
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return nil, fmt.Errorf("loading the traffic programs: %w", err)
	}
	if gateway != 0 {
		if err := objects.TxDevices.Put(uint32(gateway), uint32(gateway)); err != nil {
			return nil, errors.Join(fmt.Errorf("adding the generator's device: %w", err), objects.Close())
		}
	}
	return &objects, nil
}

// newFeed loads traffic for a lab's router.
func newFeed(l *lab, flows []netip.Addr, cpu int) (*feed, error) {
	t, err := newTraffic(flows, 0)
	if err != nil {
		return nil, err
	}
	s := sender{frameTo(flows[0]), manyFlows, t.Restore4, t.Contender, t.NextFlow, t.Close}
	if flows[0].Is6() {
		s.program = t.Restore6
	}
	return &feed{s, l, cpu}, nil
}

// newChain makes a lab in which the router forwards to the sink.
func newChain(l *lab, flows []netip.Addr, cpu int) (*chain, error) {
	return startChain(l, sinkHost, l.sink, cpu, func() (sender, error) {
		t, err := newTraffic(flows, l.generator.Index)
		if err != nil {
			return sender{}, err
		}
		return sender{frameTo(flows[0]), manyFlows, t.Generate, nil, t.NextFlow, t.Close}, nil
	})
}
