// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"clearway/internal/testkit"
)

// TestFlowHash: programs and control plane find the same hash and slot for a
// flow, which the twin tells.
func TestFlowHash(t *testing.T) {
	testkit.RequireKernel(t, "5.14", "a test run that is told its interface")
	rng := testkit.Rand(t)
	r := newRowLab(t)
	for _, affinity := range []Affinity{AffinityNone, AffinitySource} {
		s := r.state.clone()
		services := []Service{
			oneBackend("four", vip4, TCP, IPIP, backend4, 80),
			oneBackend("six", vip6, UDP, IPIP, backend4, 80),
		}
		for i := range services {
			services[i].Affinity, services[i].TableSize = affinity, []int{251, MaxTableSize}[i]
		}
		balanced(services...)(&s)
		s.Balance.Seed, s.ResizeNow = rng.Uint64(), true
		r.apply(t, s)
		for range 200 {
			for _, service := range services {
				key, frame := randomFlow(rng, service)
				checkHash(t, r, service, key, frame)
			}
		}
	}
}

func randomFlow(rng *rand.Rand, s Service) (pipelineFlowKey, []byte) {
	port := uint16(1 + rng.IntN(65535))
	key := pipelineFlowKey{}
	if s.Affinity == AffinityNone {
		key.Ports = binary.NativeEndian.Uint32(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, port), 80))
	}
	f := testkit.NewFrame(routerMAC(10), hostMAC(10))
	if s.Address.Is4() {
		source := fmt.Sprintf("%d.%d.%d.%d", 1+rng.IntN(126), rng.IntN(256), rng.IntN(256), rng.IntN(256))
		key.Source = wireWords(netip.MustParseAddr(source))
		return key, f.IPv4(source, s.Address.String()).TCP(port, 80, testkit.SYN).Bytes()
	}
	var b [16]byte
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	b[0] = 0x20
	key.Source = wireWords(netip.AddrFrom16(b))
	return key, f.IPv6(netip.AddrFrom16(b).String(), s.Address.String()).UDP(port, 80).Bytes()
}

func checkHash(t *testing.T, r *rowLab, s Service, key pipelineFlowKey, frame []byte) {
	t.Helper()
	trace, err := traced(r.dp, r.ingress(t, row{}), frame)
	if err != nil {
		t.Fatal(err)
	}
	one := r.dp.gen.image.registry.services[s.Name]
	if trace.Service != one.number {
		t.Fatalf("the packet found service %d, want %d: %v", trace.Service, one.number, Reason(trace.Reason))
	}
	hash := flowHash(one.record, key)
	slot := slotOf(hash, one.record.Size)
	if trace.Hash != hash || int(trace.Slot) != slot || trace.SlotWord != uint32(one.slots()[slot]) {
		t.Fatalf("%v of service %s: hash %08x, slot %d; the programs say %08x, %d (%x)", key, s.Name, hash, slot, trace.Hash, trace.Slot, trace.SlotWord)
	}
}

// traced is what the twin notes about a frame; it records nothing.
func traced(d *Dataplane, ifindex int, frame []byte) (trace pipelineTrace, err error) {
	if _, err = d.Explain(ifindex, frame); err == nil {
		err = d.twin.coll.Maps[".data.trace"].Lookup(uint32(0), &trace)
	}
	return trace, err
}
