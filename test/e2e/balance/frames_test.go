// SPDX-License-Identifier: Apache-2.0

package balance

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
)

// What a server gets of a frame is right in every byte, in each mode and each
// pairing of families.
func TestFrames(t *testing.T) {
	n := newNetwork(t, "lb1", "client", "s1")
	b := n.newBalancer("lb1")
	c := settings{interfaces: []string{"client", "s1"}, services: allServices, servers: equal("s1"), noHealth: true, protocol: "tcp"}
	b.run(c)
	capture, err := wire.NewCapture(n.Host("s1"), "eth0", isDelivered)
	n.must(err)
	defer capture.Close()
	sender, err := wire.NewSender(n.Host("client"), "eth0")
	n.must(err)
	defer sender.Close()
	for _, protocol := range []string{"tcp", "udp"} {
		c.protocol = protocol
		b.reload(c)
		for _, s := range allServices {
			for _, row := range framesFor(protocol) {
				t.Run(s.name+"/"+row.name, func(t *testing.T) {
					d := delivery{service: s, from: n.mac("lb1", "s1"), to: n.mac("s1", "eth0"), server: n.addressOf("s1", s.outer6)}
					d.check(t, row.build(n.frameTo(s)), sender, capture)
				})
			}
		}
	}
}

// frameRow completes a frame from the client to a service.
type frameRow struct {
	name  string
	build func(*testkit.Frame) []byte
}

func framesFor(protocol string) []frameRow {
	if protocol == "udp" {
		return []frameRow{
			{"datagram", func(f *testkit.Frame) []byte { return f.UDP(5353, servicePort).Payload(99).Bytes() }},
			{"empty datagram", func(f *testkit.Frame) []byte { return f.UDP(5353, servicePort).Bytes() }},
			{"datagram without a checksum", withoutChecksum},
		}
	}
	return []frameRow{
		{"SYN", func(f *testkit.Frame) []byte {
			return f.TCP(40001, servicePort, testkit.SYN).TCPOptions(2, 4, 5, 180, 1, 3, 3, 7).Bytes()
		}},
		{"data", func(f *testkit.Frame) []byte {
			return f.TOS(0xb9).TCP(40002, servicePort, testkit.ACK|testkit.PSH).Payload(1001).Bytes()
		}},
		{"all that fits", func(f *testkit.Frame) []byte {
			return f.TCP(40003, servicePort, testkit.ACK).Payload(1500 - 48 - 60).Bytes()
		}},
		{"short, filled up", func(f *testkit.Frame) []byte {
			f = f.TTL(2).TCP(40004, servicePort, testkit.ACK|testkit.FIN)
			return f.Trailer(max(0, 60-len(f.Bytes()))).Bytes()
		}},
		{"long trailer", func(f *testkit.Frame) []byte {
			return f.FlowLabel(0x12345).ID(0xabcd).TCP(40005, servicePort, testkit.RST).Trailer(37).Bytes()
		}},
		{"congestion experienced", func(f *testkit.Frame) []byte {
			return f.TOS(3).TCP(40006, servicePort, testkit.ACK).Payload(7).Bytes()
		}},
	}
}

// withoutChecksum is a datagram that in IPv4 has none, which is for receivers only
// to notice.
func withoutChecksum(f *testkit.Frame) []byte {
	frame := f.UDP(5354, servicePort).Payload(333).Bytes()
	if frame[12] == 0x08 { // 0x0800, not 0x86dd
		const at = 14 + 20 + 6
		frame[at], frame[at+1] = 0, 0
	}
	return frame
}

// frameTo begins a frame from the client to a service.
func (n *network) frameTo(s service) *testkit.Frame {
	return testkit.NewFrame([6]byte(n.mac("lb1", "client")), [6]byte(n.mac("client", "eth0"))).
		IP(n.addressOf("client", s.address.Is6()), s.address)
}

func (n *network) mac(host, device string) net.HardwareAddr {
	n.t.Helper()
	i, err := n.Host(host).Interface(device)
	n.must(err)
	return i.MAC
}

// check sends a frame from the client and compares what comes to the server.
func (d delivery) check(t *testing.T, frame []byte, sender *wire.Sender, capture *wire.Capture) {
	want, err := d.frame(frame)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(frame); err != nil {
		t.Fatal(err)
	}
	got, err := capture.Until(20 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !bytes.Equal(got[0], want) {
		t.Errorf("of\n%x\ncame\n%x\nwant\n%x", frame, got, want)
	}
}

// isDelivered tells packets of services from what hosts say to their neighbours:
// an outer source, or a service's address.
func isDelivered(frame []byte) bool {
	switch {
	case len(frame) >= 34 && frame[12] == 0x08 && frame[13] == 0:
		return source4.Contains(netip.AddrFrom4([4]byte(frame[26:30]))) || services4.Contains(netip.AddrFrom4([4]byte(frame[30:34])))
	case len(frame) >= 54 && frame[12] == 0x86:
		return source6.Contains(netip.AddrFrom16([16]byte(frame[22:38]))) || services6.Contains(netip.AddrFrom16([16]byte(frame[38:54])))
	}
	return false
}
