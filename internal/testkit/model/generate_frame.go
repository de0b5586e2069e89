// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math/rand/v2"
	"net/netip"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// GenFrame makes a random frame and names the port it arrives on. Most frames
// would be forwarded but for one or two things about them, so that each rule
// decides about some.
func GenFrame(r *rand.Rand, t *Topology) (port int, frame []byte) {
	port, ingress := genIngress(r, t)
	f := testkit.NewFrame(genMAC(r, ingress.MAC), dataplane.MAC{2, 1, 0, 0, 0, byte(r.IntN(256))})
	genTags(r, f, ingress.VID)
	if chance(r, 2) {
		return port, f.EtherType(pick(r, uint16(testkit.EtherTypeARP), 0x88cc, 0x8864, 60)).Payload(r.IntN(60)).Bytes()
	}
	source, destination := genAddresses(r, t, ingress.Ifindex)
	f.IP(source, destination)
	genIP(r, f, destination.Is4())
	genTransport(r, f)
	genLie(r, f)
	f.Payload(genSize(r, ingress.MTU))
	if chance(r, 30) {
		f.Trailer(r.IntN(64))
	}
	return port, mutate(r, f.Bytes())
}

// genIngress picks a port and an L3 interface that frames arrive on there; of
// a port that has none, rarely, one of another port.
func genIngress(r *rand.Rand, t *Topology) (port int, ingress dataplane.L3Interface) {
	for {
		port = pick(r, t.Ports...).Ifindex
		ingress = pick(r, t.L3...)
		if arrivesOn(&ingress, port) || chance(r, 2) {
			return port, ingress
		}
	}
}

func genMAC(r *rand.Rand, own dataplane.MAC) dataplane.MAC {
	if chance(r, 97) {
		return own
	}
	return pick(r, dataplane.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, dataplane.MAC{2, 9, 9, 9, 9, 9}, dataplane.MAC{1, 0, 0x5e, 0, 0, 5})
}

// genTags adds the tag of a VLAN, or one of VID 0 to an untagged frame, with
// any PCP and DEI; rarely another.
func genTags(r *rand.Rand, f *testkit.Frame, vid uint16) {
	if chance(r, 1) {
		f.TagOf(pick(r, uint16(testkit.EtherType8021Q), testkit.EtherType8021AD), uint16(r.IntN(1<<16)))
	}
	if chance(r, 2) {
		vid = uint16(r.IntN(4096))
	}
	if vid != 0 || chance(r, 20) {
		f.Tag(uint16(r.IntN(16))<<12 | vid)
	}
}

// genAddresses picks a host that the ingress interface leads to, and another.
func genAddresses(r *rand.Rand, t *Topology, ingress int) (source, destination netip.Addr) {
	source = pick(r, t.Hosts[ingress]...)
	if chance(r, 15) {
		source = genHost(r, t)
	}
	if chance(r, 5) {
		source = genSpecial(r, t)
	}
	for {
		destination = genHost(r, t)
		if chance(r, 5) {
			destination = genSpecial(r, t)
		}
		if source.BitLen() == destination.BitLen() {
			return source, destination
		}
	}
}

// genSpecial is an address of the router, or one that no router forwards.
func genSpecial(r *rand.Rand, t *Topology) netip.Addr {
	if chance(r, 40) {
		return pick(r, t.Local...)
	}
	return nth(netip.MustParsePrefix(pick(r, martians...)), r.IntN(2))
}

func genIP(r *rand.Rand, f *testkit.Frame, ipv4 bool) {
	f.TOS(uint8(r.IntN(256))).TTL(uint8(2 + r.IntN(254))).ID(uint16(r.IntN(1 << 16)))
	f.FlowLabel(r.Uint32())
	if ipv4 && chance(r, 50) {
		f.Fragment(0x4000)
	}
	switch r.IntN(60) {
	case 0, 1:
		f.TTL(uint8(r.IntN(3)))
	case 2:
		f.Fragment(pick(r, uint16(0x2000), 1, 0x2100, 0x8000, 0xc000))
	case 3:
		if ipv4 {
			f.Options(7, 7, 4, 0, 0, 0, 0, 1)
		} else {
			f.Extension(pick(r, extensionHeaders...), make([]byte, 6+8*r.IntN(3)))
		}
	}
}

func genTransport(r *rand.Rand, f *testkit.Frame) {
	source, destination := uint16(r.IntN(1<<16)), uint16(r.IntN(1<<16))
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		f.TCP(source, destination, uint8(r.IntN(64))|pick(r, 0, 0, uint8(testkit.SYN)))
		f.TCPOptions(genTCPOptions(r)...)
		if chance(r, 3) {
			f.DataOffset(r.IntN(16))
		}
	case 4, 5:
		f.UDP(source, destination)
	case 6:
		f.Ports(pick(r, uint8(testkit.ProtoSCTP), testkit.ProtoDCCP, testkit.ProtoUDPLite), source, destination)
	case 7, 8:
		f.ICMP(pick(r, uint8(128), 129, 1, 3, 8, 0, 132, 133, 134, 135, 136, 137, 138), 0)
	default:
		f.Protocol(pick(r, uint8(testkit.ProtoGRE), 4, 41, 59, 89, 99))
	}
}

// genTCPOptions puts an MSS option behind others of odd and even sizes;
// sometimes the area is cut or its bytes are random.
func genTCPOptions(r *rand.Rand) []byte {
	var options []byte
	for range r.IntN(4) {
		options = append(options, pick(r, []byte{1}, []byte{3, 3, 7}, []byte{4, 2}, []byte{8, 10, 1, 2, 3, 4, 5, 6, 7, 8})...)
	}
	if chance(r, 70) {
		mss := 500 + r.IntN(1000)
		options = append(options, 2, 4, byte(mss>>8), byte(mss))
	}
	if chance(r, 30) {
		options = append(options, 1, 1, 4, 2)
	}
	if len(options) > 0 && chance(r, 10) {
		options[r.IntN(len(options))] = byte(r.IntN(12))
	}
	return options
}

// genLie makes a header say what is not so.
func genLie(r *rand.Rand, f *testkit.Frame) {
	switch r.IntN(100) {
	case 0:
		f.Length(pick(r, 0, 19, 20, 21, 40, 1500, 65535))
	case 1:
		f.BadChecksum()
	case 2:
		f.Version(uint8(r.IntN(16)))
	case 3:
		f.IHL(r.IntN(16))
	}
}

func genSize(r *rand.Rand, mtu int) int {
	switch r.IntN(10) {
	case 0:
		return mtu - 40 + r.IntN(20)
	case 1:
		return r.IntN(mtu)
	case 2:
		return 1200 + r.IntN(150)
	case 3, 4:
		return 0
	}
	return r.IntN(40)
}

// mutate cuts some frames short and turns bits of the headers of others.
func mutate(r *rand.Rand, frame []byte) []byte {
	switch r.IntN(20) {
	case 0:
		return frame[:14+r.IntN(len(frame)-13)]
	case 1:
		at := r.IntN(min(len(frame), 90))
		frame[at] ^= 1 << r.IntN(8)
	}
	return frame
}
