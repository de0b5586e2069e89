// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

func TestRewriteLiteral(t *testing.T) {
	tests := []struct{ name, in, out string }{
		{
			"IPv4",
			"0200000000a0 020000000105 0800 4512001c 00000000 401166b0 0a010005 0a030007 0007000900080000",
			"020000000307 0200000000a1 0800 4512001c 00000000 3f1167b0 0a010005 0a030007 0007000900080000",
		},
		{
			"IPv4 to a VLAN",
			"0200000000a0 020000000105 0800 4500001c 00000000 401166c1 0a010005 0a040007 0007000900080000",
			"020000000407 0200000000a1 8100 00c8 0800 4500001c 00000000 3f1167c1 0a010005 0a040007 0007000900080000",
		},
		{
			"IPv6 from a VLAN",
			"0200000000a0 020000000205 8100 b064 86dd 60000000 0008 11 02" +
				"20010db8000200000000000000000005 20010db8000300000000000000000007 0007000900080000 eeee",
			"020000000307 0200000000a1 86dd 60000000 0008 11 01" +
				"20010db8000200000000000000000005 20010db8000300000000000000000007 0007000900080000",
		},
		{
			"a checksum of 0xffff that is 0", // the sum of the rest is 0xffff
			"0200000000a0 020000000105 0800 45000014 66ac0000 402fffff 0a010005 0a030007",
			"020000000307 0200000000a1 0800 45000014 66ac0000 3f2f0100 0a010005 0a030007",
		},
		{
			"a checksum that becomes 0, not 0xffff",
			"0200000000a0 020000000105 0800 45000014 67ac0000 402ffeff 0a010005 0a030007",
			"020000000307 0200000000a1 0800 45000014 67ac0000 3f2f0000 0a010005 0a030007",
		},
	}
	for _, test := range tests {
		in, want := unhex(t, test.in), unhex(t, test.out)
		got := newModel().Run(1, in)
		if diff := testkit.Diff(want, got.Out); diff != "" {
			t.Errorf("%s: %s\n%s", test.name, got.Reason, diff)
		}
		if !bytes.Equal(in, unhex(t, test.in)) {
			t.Errorf("%s: the frame was changed", test.name)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRewriteTags goes between untagged networks and VLANs in all directions.
func TestRewriteTags(t *testing.T) {
	neighbour := func(n byte) [6]byte { return [6]byte{2, 0, 0, 0, n, 7} }
	packet := func(f *testkit.Frame, ttl uint8, dst string) []byte {
		return f.IPv4("10.1.0.5", dst).TTL(ttl).UDP(7, 9).Payload(30).Bytes()
	}
	tests := []struct {
		name    string
		in, out []byte
	}{
		{"untagged to untagged", packet(to0(), 9, "10.3.0.7"), packet(testkit.NewFrame(neighbour(3), mac1), 8, "10.3.0.7")},
		{"untagged to tagged", packet(to0(), 9, "10.4.0.7"), packet(testkit.NewFrame(neighbour(4), mac1).Tag(200), 8, "10.4.0.7")},
		{"tagged to untagged", packet(to0().Tag(0xf064), 9, "10.3.0.7"), packet(testkit.NewFrame(neighbour(3), mac1), 8, "10.3.0.7")},
		{"tagged to tagged", packet(to0().Tag(0xb064), 9, "10.4.0.7"), packet(testkit.NewFrame(neighbour(4), mac1).Tag(0xb0c8), 8, "10.4.0.7")},
		{"VID 0 to untagged", packet(to0().Tag(0xe000), 9, "10.3.0.7"), packet(testkit.NewFrame(neighbour(3), mac1), 8, "10.3.0.7")},
		{"VID 0 to tagged", packet(to0().Tag(0xe000), 9, "10.4.0.7"), packet(testkit.NewFrame(neighbour(4), mac1).Tag(0xe0c8), 8, "10.4.0.7")},
		{"to the port's other VLAN", packet(to0(), 9, "10.2.0.7"), packet(testkit.NewFrame(neighbour(2), mac0).Tag(100), 8, "10.2.0.7")},
	}
	for _, test := range tests {
		got := newModel().Run(1, test.in)
		if diff := testkit.Diff(test.out, got.Out); diff != "" {
			t.Errorf("%s: %s\n%s", test.name, got.Reason, diff)
		}
	}
}

// TestRewriteLength: headers are 28 bytes of IPv4 and UDP; the trailer is of
// bytes that are not 0.
func TestRewriteLength(t *testing.T) {
	tests := []struct {
		name             string
		tagged           bool
		destination      string
		payload, trailer int
		want             int // length
		zeros            int // at its end
	}{
		{"no trailer", false, "10.3.0.7", 100, 0, 142, 0},
		{"trailer goes", false, "10.3.0.7", 100, 50, 142, 0},
		{"trailer of a small frame goes", false, "10.3.0.7", 0, 50, 60, 0},
		{"padding stays", false, "10.3.0.7", 0, 18, 60, 0},
		{"short stays short", false, "10.3.0.7", 0, 5, 47, 0},
		{"push", false, "10.4.0.7", 100, 7, 146, 0},
		{"push keeps padding", false, "10.4.0.7", 0, 18, 64, 0},
		{"push cuts to 60 before it", false, "10.4.0.7", 0, 19, 64, 0},
		{"rewrite cuts to 60 with the tag", true, "10.4.0.7", 0, 19, 60, 0},
		{"push on a short frame", false, "10.4.0.7", 0, 0, 46, 0},
		{"pop", true, "10.3.0.7", 100, 7, 142, 0},
		{"pop pads", true, "10.3.0.7", 0, 18, 60, 0},
		{"pop pads a minimal frame", true, "10.3.0.7", 0, 14, 60, 4},
		{"pop pads a short frame", true, "10.3.0.7", 0, 0, 60, 18},
		{"rewrite of a short frame", true, "10.4.0.7", 0, 0, 46, 0},
	}
	for _, test := range tests {
		f := to0()
		if test.tagged {
			f.Tag(100)
		}
		in := f.IPv4("10.2.0.5", test.destination).UDP(7, 9).Payload(test.payload).Trailer(test.trailer).Bytes()
		got := newModel().Run(1, in).Out
		if len(got) != test.want {
			t.Errorf("%s: %d bytes, want %d", test.name, len(got), test.want)
			continue
		}
		if zeros := len(got) - len(bytes.TrimRight(got, "\x00")); test.payload == 0 && test.trailer > 0 && zeros != test.zeros {
			t.Errorf("%s: %d zeros at the end, want %d", test.name, zeros, test.zeros)
		}
	}
}

// TestHopCanonical compares the incremental checksum with the full one for all
// values of a header word.
func TestHopCanonical(t *testing.T) {
	for id := range 1 << 16 {
		frame := func(ttl uint8) []byte {
			return to0().IPv4("10.1.0.5", "10.3.0.7").ID(uint16(id)).TTL(ttl).Protocol(47).Bytes()[14:]
		}
		got := frame(64)
		hop(got, false)
		if diff := bytes.Compare(frame(63), got); diff != 0 {
			t.Fatalf("ID %#x: got %x, want %x", id, got, frame(63))
		}
	}
}

// TestClampInFrame: a SYN leaves as if its sender had said less.
func TestClampInFrame(t *testing.T) {
	syn := func(f *testkit.Frame, ttl uint8, mss uint16) []byte {
		return f.IPv6("2001:db8:1::5", "2001:db8:4::7").TTL(ttl).TCP(7, 9, testkit.SYN).
			TCPOptions(1, 2, 4, byte(mss>>8), byte(mss)).Payload(3).Bytes()
	}
	m := newModel()
	m.State.MSS = []dataplane.MSSRule{{MSS: 1300}}
	want := syn(testkit.NewFrame([6]byte{2, 0, 0, 0, 4, 7}, mac1).Tag(200), 63, 1300)
	if diff := testkit.Diff(want, m.Run(1, syn(to0(), 64, 1440)).Out); diff != "" {
		t.Error(diff)
	}
}

// TestClampTCPOnly: bytes that would be a SYN in TCP are none in GRE.
func TestClampTCPOnly(t *testing.T) {
	in := to0().IPv6("2001:db8:1::5", "2001:db8:3::7").TCP(7, 9, testkit.SYN).TCPOptions(2, 4, 5, 0xb4).Bytes()
	in[14+6] = testkit.ProtoGRE
	m := newModel()
	m.State.MSS = []dataplane.MSSRule{{MSS: 1300}}
	if got := m.Run(1, in); !bytes.Equal(got.Out[54:], in[54:]) {
		t.Errorf("%s changed the packet:\n%s", got.Reason, testkit.Diff(in, got.Out))
	}
}
