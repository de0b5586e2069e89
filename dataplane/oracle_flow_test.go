// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"time"

	"clearway/internal/testkit"
	"clearway/tracking"
)

// moment orders what happens within a second, too.
type moment struct {
	at  time.Duration
	seq int
}

// conn is a flow as somebody sees it who knows everything.
type conn struct {
	subject *subject
	flow    flowID

	home      *server // nil: nothing is promised
	life      int     // of home
	heard     moment  // of the last packet that belongs to it and could be recorded
	startedAt time.Duration
	starting  bool // a start came that nothing followed
	confirmed bool
	loose     string // why it may go elsewhere, if it may

	next, ends time.Duration // of its sender
	gap        int           // most seconds between two packets
}

// shot is a packet of a flow.
type shot struct {
	name  string
	flags uint8 // of TCP
	about bool  // an ICMP error
	part  bool  // a later fragment
}

var (
	shotSYN   = shot{name: "SYN", flags: testkit.SYN}
	shotData  = shot{name: "data", flags: testkit.ACK | testkit.PSH}
	shotFIN   = shot{name: "FIN", flags: testkit.FIN | testkit.ACK}
	shotRST   = shot{name: "RST", flags: testkit.RST}
	shotError = shot{name: "ICMP error", about: true}
	shotPart  = shot{name: "fragment", part: true}
	oddShots  = []shot{{name: "SYN-ACK", flags: testkit.SYN | testkit.ACK}, {name: "SYN-RST", flags: testkit.SYN | testkit.RST}, {name: "null"}}
)

// packet is what of a shot matters to the choice.
func (x shot) packet(s Service) tracking.Packet {
	if x.about {
		return tracking.Packet{NoRecord: true}
	}
	if s.Protocol != TCP || x.part {
		return tracking.Packet{}
	}
	start := x.flags&(testkit.SYN|testkit.ACK|testkit.RST) == testkit.SYN && s.Affinity == AffinityNone
	return tracking.Packet{Start: start, NoRecord: x.flags&testkit.RST != 0}
}

// shotFrame is the frame, to a MAC address.
func shotFrame(s Service, f flowID, x shot, to [6]byte) []byte {
	out := testkit.NewFrame(to, hostMAC(10)).IP(f.source, s.Address)
	switch {
	case x.about:
		return aboutFlow(s, f, to)
	case x.part && s.Address.Is4():
		return out.Fragment(0x0003).Protocol(uint8(s.Protocol)).Payload(24).Bytes()
	case x.part:
		return out.Fragment(0x0018).Protocol(uint8(s.Protocol)).Payload(24).Bytes()
	case s.Protocol == UDP:
		return out.UDP(f.sport, f.dport).Payload(20).Bytes()
	}
	return out.TCP(f.sport, f.dport, x.flags).Bytes()
}

// aboutFlow is an ICMP error about a packet that the service sent.
func aboutFlow(s Service, f flowID, to [6]byte) []byte {
	reply := testkit.NewFrame(to, hostMAC(10)).IP(s.Address, f.source)
	if s.Protocol == UDP {
		reply.UDP(f.dport, f.sport)
	} else {
		reply.TCP(f.dport, f.sport, testkit.ACK)
	}
	_, _, quoted := l2Of(reply.Bytes())
	out := testkit.NewFrame(to, hostMAC(10)).IP(f.source, s.Address).ICMP(3, 1)
	if s.Address.Is6() {
		out.ICMP(1, 0)
	}
	return out.Data(quoted...).Bytes()
}

// wire is how a flow is keyed in the maps.
func (f flowID) wire(id uint32, affinity Affinity) pipelineFlowKey {
	key := pipelineFlowKey{Service: id, Source: wireWords(f.source)}
	if affinity != AffinitySource {
		key.Ports = uint32(wirePort(f.sport)) | uint32(wirePort(f.dport))<<16
	}
	return key
}

// reached tells which backend a frame that leaves is for: by its MAC address, and
// by its outer header where it has one.
func (o *oracle) reached(s Service, frame []byte) (*server, error) {
	to := o.macs[MAC(frame[:6])]
	if to == nil {
		return nil, fmt.Errorf("sent to %v, the MAC address of no backend", MAC(frame[:6]))
	}
	_, etherType, packet := l2Of(frame)
	if _, outer := addressesOf(etherType, packet); s.Mode != L2 && outer != to.address {
		return to, fmt.Errorf("sent to %v with the MAC address of %v", outer, to)
	}
	return to, nil
}
