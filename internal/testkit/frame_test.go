// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

var (
	macA = [6]byte{2, 0, 0, 0, 0, 1}
	macB = [6]byte{2, 0, 0, 0, 0, 2}
)

// TestFrameLiteral fixes every byte of three frames by hand.
func TestFrameLiteral(t *testing.T) {
	tests := []struct {
		name, want string
		frame      *Frame
	}{
		{
			"ARP", "020000000001 020000000002 0806 0001",
			NewFrame(macA, macB).EtherType(EtherTypeARP).Payload(2),
		},
		{
			"UDP in 802.1Q in 802.1ad",
			"020000000001 020000000002 88a8 0005 8100 e064 0800" +
				"4500001d 00000000 401163cc 0a000102 0a000203" +
				"00010002 0009e8d4 00 eeee",
			NewFrame(macA, macB).TagOf(EtherType8021AD, 5).Tag(0xe064).
				IPv4("10.0.1.2", "10.0.2.3").UDP(1, 2).Payload(1).Trailer(2),
		},
		{
			"IPv6 fragment",
			"020000000001 020000000002 86dd" +
				"61200003 0010 2c 09 20010db8000000000000000000000001 20010db8000000000000000000000002" +
				"11 00 0001 00000001 00030004 0008a462",
			NewFrame(macA, macB).IPv6("2001:db8::1", "2001:db8::2").TOS(0x12).FlowLabel(3).TTL(9).
				Fragment(1).UDP(3, 4),
		},
		{
			"UDP without a checksum",
			"020000000001 020000000002 0800 4500001d 00000000 401163cc 0a000102 0a000203 00010002 00090000 07",
			NewFrame(macA, macB).IPv4("10.0.1.2", "10.0.2.3").UDP(1, 2).NoChecksum().Data(7),
		},
		{
			"ICMP with an MTU",
			"020000000001 020000000002 0800 4500001d 00000000 400163dc 0a000102 0a000203 0304e91d 00000cde 07",
			NewFrame(macA, macB).IPv4("10.0.1.2", "10.0.2.3").ICMP(3, 4).MTU(0x0cde).Data(7),
		},
	}
	for _, test := range tests {
		want, err := hex.DecodeString(strings.ReplaceAll(test.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if diff := Diff(want, test.frame.Bytes()); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

// TestFrameAgainstGopacket decodes frames with a decoder of others, which
// recomputes lengths and checksums when it serializes again.
func TestFrameAgainstGopacket(t *testing.T) {
	ip4 := func() *Frame { return NewFrame(macA, macB).IPv4("192.0.2.1", "198.51.100.255").TOS(0xb9).ID(77) }
	ip6 := func() *Frame { return NewFrame(macA, macB).Tag(7).IPv6("2001:db8::ff", "fd00::2").FlowLabel(0xabcde) }
	tests := map[string]*Frame{
		"tcp4":    ip4().TCP(80, 65535, SYN|ACK).TCPOptions(1, 2, 4, 5, 0xb4).Payload(33),
		"tcp6":    ip6().TCP(80, 65535, FIN).Payload(1),
		"udp4":    ip4().UDP(1024, 9).Payload(27),
		"udp6":    ip6().UDP(1024, 9).Payload(1200),
		"icmp4":   ip4().Fragment(0x4000).ICMP(8, 0).Payload(56),
		"icmp6":   ip6().ICMP(128, 0).Payload(56),
		"options": ip4().Options(7, 3, 4).UDP(1, 1).Payload(20),
	}
	for name, frame := range tests {
		want := frame.Bytes()
		packet := gopacket.NewPacket(want, layers.LayerTypeEthernet, gopacket.Default)
		if failure := packet.ErrorLayer(); failure != nil {
			t.Errorf("%s: %v", name, failure.Error())
			continue
		}
		if transport, ok := packet.TransportLayer().(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := transport.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		}
		if icmp, ok := packet.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
			if err := icmp.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		}
		buffer := gopacket.NewSerializeBuffer()
		options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		if err := gopacket.SerializePacket(buffer, options, packet); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := Diff(buffer.Bytes(), want); diff != "" {
			t.Errorf("%s: gopacket would write\n%s", name, diff)
		}
	}
}

func TestFrameLies(t *testing.T) {
	ip4 := func() *Frame { return NewFrame(macA, macB).IPv4("10.0.0.1", "10.0.0.2").UDP(1, 2) }
	tests := []struct {
		name  string
		frame *Frame
		at    int
		want  string
	}{
		{"version and IHL", ip4().Version(5).IHL(4), 14, "54"},
		{"total length", ip4().Length(99), 16, "0063"},
		{"payload length", NewFrame(macA, macB).IPv6("::1", "::2").Length(7).UDP(1, 2), 18, "0007"},
		{"data offset", NewFrame(macA, macB).IPv4("10.0.0.1", "10.0.0.2").TCP(1, 2, 0).DataOffset(15), 46, "f0"},
		{"no transport", ip4().Protocol(ProtoGRE).Payload(1), 34, "00"},
		{"extension", NewFrame(macA, macB).IPv6("::1", "::2").Extension(0, make([]byte, 14)).UDP(1, 2), 54, "1101"},
	}
	for _, test := range tests {
		want, _ := hex.DecodeString(test.want)
		if got := test.frame.Bytes()[test.at:]; !bytes.HasPrefix(got, want) {
			t.Errorf("%s: got %x, want %s", test.name, got, test.want)
		}
	}
	if Checksum(ip4().Bytes()[14:34]) != 0 || Checksum(ip4().BadChecksum().Bytes()[14:34]) == 0 {
		t.Error("BadChecksum is not what makes the header checksum wrong")
	}
}

func TestDiff(t *testing.T) {
	frame := func() *Frame {
		return NewFrame(macA, macB).Tag(1).IPv4("10.0.0.1", "10.0.0.2").TCP(1, 2, SYN).Payload(20)
	}
	base := frame().Bytes()
	tests := []struct {
		name string
		got  []byte
		want string // a line of the output, "" for no output
	}{
		{"equal", frame().Bytes(), ""},
		{"TTL", frame().TTL(63).Bytes(), "TTL: want 40, got 3f"},
		{"length", base[:len(base)-1], "length: want 78, got 77"},
		{"no tag", NewFrame(macA, macB).IPv4("10.0.0.1", "10.0.0.2").Bytes(), "want tci=0001, got version, IHL=45"},
		{"trailer", frame().Trailer(2).Bytes(), "want nothing=, got trailer=eeee"},
		{"payload", append(append([]byte{}, base[:len(base)-2]...), 0xff, 19), "(from byte 18 of it)"},
		{"nothing", nil, "want destination MAC=020000000001, got nothing="},
	}
	for _, test := range tests {
		got := Diff(base, test.got)
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got\n%s\nwant a line %q", test.name, got, test.want)
		}
	}
}

// FuzzDiff must not panic, and be silent for equal frames only.
func FuzzDiff(f *testing.F) {
	f.Add(NewFrame(macA, macB).IPv4("10.0.0.1", "10.0.0.2").TCP(1, 2, SYN).Bytes(), []byte{1})
	f.Add(NewFrame(macA, macB).Tag(3).IPv6("::1", "::2").UDP(1, 2).Trailer(3).Bytes(), []byte{})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if (Diff(a, b) == "") != bytes.Equal(a, b) {
			t.Errorf("Diff(%x, %x) = %q", a, b, Diff(a, b))
		}
		var joined []byte
		for _, field := range decode(a) {
			joined = append(joined, field.bytes...)
		}
		if !bytes.Equal(joined, a) {
			t.Errorf("fields of %x are %x", a, joined)
		}
	})
}
