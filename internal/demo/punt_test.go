// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"net"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// queryFrame is a query as it arrives, with room behind it and padding bytes.
func queryFrame(t *testing.T, message []byte, padding int) []byte {
	t.Helper()
	eth := &layers.Ethernet{DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{192, 0, 2, 2}, DstIP: net.IP{192, 0, 2, 1}}
	udp := &layers.UDP{SrcPort: 40000, DstPort: 53}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		eth, ip, udp, gopacket.Payload(message))
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, len(buffer.Bytes())+padding, 2048)
	copy(frame, buffer.Bytes())
	return frame
}

// What the program sends, read by another implementation of all its layers.
func TestReply(t *testing.T) {
	for _, padding := range []int{0, 7} {
		frame := reply(queryFrame(t, dnsQuery(0x1234), padding))
		packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		if failure := packet.ErrorLayer(); failure != nil {
			t.Fatalf("%v\n%x", failure.Error(), frame)
		}
		eth := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		ip := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		udp := packet.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		if err, bad := packet.VerifyChecksums(); err != nil || len(bad) > 0 {
			t.Errorf("checksums: %v, %v", bad, err)
		}
		if eth.DstMAC.String() != "02:00:00:00:00:01" || eth.SrcMAC.String() != "02:00:00:00:00:02" ||
			!ip.DstIP.Equal(net.IP{192, 0, 2, 2}) || !ip.SrcIP.Equal(net.IP{192, 0, 2, 1}) || udp.DstPort != 40000 || udp.SrcPort != 53 {
			t.Errorf("it goes elsewhere:\n%s", packet)
		}
		if int(ip.Length) != len(frame)-14 || int(udp.Length) != len(frame)-34 {
			t.Errorf("%d bytes, IP says %d, UDP %d", len(frame), ip.Length, udp.Length)
		}
		answer := packet.Layer(layers.LayerTypeDNS).(*layers.DNS)
		if answer.ID != 0x1234 || !answer.QR || len(answer.Answers) != 1 || !answer.Answers[0].IP.Equal(net.IP{10, 0, 0x12, 0x34}) ||
			string(answer.Answers[0].Name) != "www.example.org" || string(answer.Questions[0].Name) != "www.example.org" {
			t.Errorf("the answer is %+v", answer)
		}
	}
}

// Other frames are left alone, and nothing beyond them is touched.
func TestNoReply(t *testing.T) {
	whole := func(frame []byte) []byte { return frame }
	set := func(at int, to ...byte) func([]byte) []byte {
		return func(frame []byte) []byte { copy(frame[at:], to); return frame }
	}
	for _, row := range []struct {
		name    string
		message []byte
		alter   func([]byte) []byte
	}{
		{"an answer", answerDNS(dnsQuery(1)), whole},
		{"a short message", dnsQuery(1)[:11], whole},
		{"no message", nil, whole},
		{"half a frame", dnsQuery(1), func(f []byte) []byte { return f[:30] }},
		{"one without room", dnsQuery(1), slices.Clip[[]byte]},
		{"TCP", dnsQuery(1), set(23, 6)},
		{"IPv6", dnsQuery(1), set(14, 0x65)},
		{"a length beyond the frame", dnsQuery(1), set(38, 5, 0)},
		{"a length below the header's", dnsQuery(1), set(38, 0, 7)},
	} {
		if answer := reply(row.alter(queryFrame(t, row.message, 0))); answer != nil {
			t.Errorf("%s is answered: %x", row.name, answer)
		}
	}
}

// What is not as it should be fails a round.
func TestRoundCheck(t *testing.T) {
	for _, row := range []struct {
		name           string
		reason         string
		sent, answered uint64
		linux          uint64
		became         reasons
		ok             bool
	}{
		{"all punted", "punt", 9, 9, 0, reasons{"punt": 9}, true},
		{"and noise to Linux", "punt", 9, 9, 0, reasons{"punt": 9, "pass_not_ours": 2}, true},
		{"one not answered", "punt", 9, 8, 0, reasons{"punt": 9}, false},
		{"one seen by Linux", "punt", 9, 9, 1, reasons{"punt": 8, "pass_no_socket": 1}, false},
		{"one counted otherwise", "punt", 9, 9, 0, reasons{"punt": 8, "pass_no_socket": 1}, false},
		{"one counted twice", "punt", 9, 9, 0, reasons{"punt": 10}, false},
		{"all to Linux", "pass_no_socket", 9, 9, 9, reasons{"pass_no_socket": 9}, true},
		{"one not seen by Linux", "pass_no_socket", 9, 9, 8, reasons{"pass_no_socket": 9}, false},
		{"one punted", "pass_no_socket", 9, 9, 9, reasons{"pass_no_socket": 9, "punt": 1}, false},
	} {
		var a asked
		a.sent.Store(row.sent)
		a.answered.Store(row.answered)
		if err := (round{reason: row.reason}).check(&a, answers{linux: row.linux}, row.became); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
