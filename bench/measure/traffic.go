// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// original is the variable of that name in traffic.bpf.c.
type original struct {
	MACs      uint64
	Header    uint64
	MoreMACs  uint32
	CheckBase uint32
}

// originalOf finds what to restore in a frame whose checksum is right.
func originalOf(frame []byte) original {
	little := binary.LittleEndian
	o := original{MACs: little.Uint64(frame), MoreMACs: little.Uint32(frame[8:])}
	header := frame[ethernetBytes:]
	if !isIPv4(frame) {
		o.Header = little.Uint64(header)
		return o
	}
	const checkMask = 0xffff << 16
	o.Header = little.Uint64(header[8:]) &^ checkMask
	for i := 0; i < ipv4Bytes-4; i += 2 {
		if i != 10 { // the checksum itself
			o.CheckBase += uint32(little.Uint16(header[i:]))
		}
	}
	return o
}

// newTraffic loads the programs that send frame to each destination of flows
// in turn; their number is a power of two. generate sends by gateway, an
// ifindex in the namespace of the calling thread, unless it is 0.
func newTraffic(frame []byte, flows []netip.Addr, gateway int) (*trafficObjects, error) {
	spec, err := loadTraffic()
	if err != nil {
		return nil, err
	}
	var variables trafficVariableSpecs
	if err := spec.Assign(&variables); err != nil {
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
		variables.Original.Set(originalOf(frame)),
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

// newFeed loads traffic for a lab's router; flows are of one family.
func newFeed(l *lab, flows []netip.Addr, cpu int) (*feed, error) {
	source := source4
	if flows[0].Is6() {
		source = source6
	}
	frame := udpFrame(generatorMAC, ingressMAC, source, flows[0])
	t, err := newTraffic(frame, flows, 0)
	if err != nil {
		return nil, err
	}
	s := sender{frame, manyFlows, t.Restore4, t.Contender, t.NextFlow, t.Close}
	if flows[0].Is6() {
		s.program = t.Restore6
	}
	return &feed{s, l, cpu}, nil
}

// newChain makes a lab in which the router forwards to the sink.
func newChain(l *lab, flows []netip.Addr, cpu int) (*chain, error) {
	frame := udpFrame(generatorMAC, ingressMAC, source4, flows[0])
	return startChain(l, sinkHost, l.sink, cpu, func() (sender, error) {
		t, err := newTraffic(frame, flows, l.generator.Index)
		if err != nil {
			return sender{}, err
		}
		return sender{frame, manyFlows, t.Generate, nil, t.NextFlow, t.Close}, nil
	})
}
