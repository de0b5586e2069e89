// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net/netip"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

func TestMSSRules(t *testing.T) {
	rule := func(prefix string, egress int, mss uint16) dataplane.MSSRule {
		r := dataplane.MSSRule{Egress: egress, MSS: mss}
		if prefix != "" {
			r.Prefix = netip.MustParsePrefix(prefix)
		}
		return r
	}
	tests := []struct {
		name  string
		rules []dataplane.MSSRule
		want  uint16
	}{
		{"none", nil, 0},
		{"all", []dataplane.MSSRule{rule("", 0, 1300)}, 1300},
		{"source", []dataplane.MSSRule{rule("10.1.0.5/32", 0, 1300)}, 1300},
		{"destination", []dataplane.MSSRule{rule("10.3.0.0/16", 0, 1300)}, 1300},
		{"neither", []dataplane.MSSRule{rule("10.4.0.0/16", 0, 1300)}, 0},
		{"the other family", []dataplane.MSSRule{rule("::/0", 0, 1300)}, 0},
		{"egress", []dataplane.MSSRule{rule("", 3, 1300)}, 1300},
		{"another egress", []dataplane.MSSRule{rule("", 4, 1300)}, 0},
		{"prefix, but another egress", []dataplane.MSSRule{rule("10.1.0.0/16", 4, 1300), rule("", 0, 1400)}, 1400},
		{"longest prefix", []dataplane.MSSRule{rule("10.0.0.0/8", 0, 1), rule("10.1.0.0/16", 0, 2), rule("10.3.0.0/15", 0, 3)}, 2},
		{"a prefix of 0 bits before none", []dataplane.MSSRule{rule("", 3, 1), rule("0.0.0.0/0", 0, 2)}, 2},
		{"prefix before egress", []dataplane.MSSRule{rule("10.0.0.0/8", 3, 1), rule("10.3.0.0/24", 0, 2)}, 2},
		{"with egress before without", []dataplane.MSSRule{rule("10.1.0.0/24", 0, 1), rule("10.3.0.0/24", 3, 2)}, 2},
		{"lower", []dataplane.MSSRule{rule("10.1.0.0/24", 0, 3), rule("10.3.0.0/24", 0, 2), rule("", 0, 1)}, 2},
	}
	for _, test := range tests {
		m := newModel()
		m.State.MSS = test.rules
		p := &packet{src: netip.MustParseAddr("10.1.0.5"), dst: netip.MustParseAddr("10.3.0.7"), egress: &m.State.L3[2]}
		if got := m.mss(p); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

// TestClamp runs option areas with MSS 0x0578 (1400) through a clamp to 0x0514
// (1300); an empty want says that nothing changes.
func TestClamp(t *testing.T) {
	tests := []struct {
		name          string
		flags         uint8
		options, want []byte
	}{
		{"SYN", testkit.SYN, []byte{2, 4, 5, 0x78}, []byte{2, 4, 5, 0x14}},
		{"SYN-ACK", testkit.SYN | testkit.ACK, []byte{2, 4, 5, 0x78}, []byte{2, 4, 5, 0x14}},
		{"ACK", testkit.ACK, []byte{2, 4, 5, 0x78}, nil},
		{"no options", testkit.SYN, nil, nil},
		{"equal", testkit.SYN, []byte{2, 4, 5, 0x14}, nil},
		{"lower already", testkit.SYN, []byte{2, 4, 5, 0x13}, nil},
		{"65535", testkit.SYN, []byte{2, 4, 0xff, 0xff}, []byte{2, 4, 5, 0x14}},
		{"odd offset", testkit.SYN, []byte{1, 2, 4, 5, 0x78, 0}, []byte{1, 2, 4, 5, 0x14, 0}},
		{"behind odd options", testkit.SYN, []byte{3, 3, 7, 4, 2, 1, 1, 2, 4, 9, 0x78, 1}, []byte{3, 3, 7, 4, 2, 1, 1, 2, 4, 5, 0x14, 1}},
		{"at the very end", testkit.SYN, append(make36(1), 2, 4, 5, 0x78), append(make36(1), 2, 4, 5, 0x14)},
		{"behind the end", testkit.SYN, []byte{0, 2, 4, 5, 0x78}, nil},
		{"size 3", testkit.SYN, []byte{2, 3, 5, 0x78}, nil},
		{"size 6", testkit.SYN, []byte{2, 6, 5, 0x78, 1, 1, 0, 0}, nil},
		{"size 0 before it", testkit.SYN, []byte{8, 0, 2, 4, 5, 0x78}, nil},
		{"size 1 before it", testkit.SYN, []byte{8, 1, 2, 4, 5, 0x78}, nil},
		{"behind an end with bytes that read as its size", testkit.SYN, []byte{0, 2, 2, 4, 9, 0x78}, nil},
		{"half beyond the area", testkit.SYN, []byte{1, 2, 4, 9}, nil},
		{"beyond the area", testkit.SYN, []byte{1, 1, 2, 4}, nil},
		{"one byte at the end", testkit.SYN, []byte{1, 1, 1, 2}, nil},
		{"one before it is too long", testkit.SYN, []byte{8, 40, 2, 4, 5, 0x78, 1, 1}, nil},
		{"the first counts", testkit.SYN, []byte{2, 4, 5, 0x78, 2, 4, 5, 0x78}, []byte{2, 4, 5, 0x14, 2, 4, 5, 0x78}},
	}
	for _, test := range tests {
		segment := func(options []byte) []byte {
			return to0().IPv4("10.1.0.5", "10.3.0.7").TCP(7, 9, test.flags).TCPOptions(options...).Payload(5).Bytes()
		}
		want := segment(test.options)
		if test.want != nil {
			want = segment(test.want)
		}
		got := segment(test.options)
		clamp(got[34:], 100, 1300)
		if diff := testkit.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

func make36(b byte) []byte {
	out := make([]byte, 36)
	for i := range out {
		out[i] = b
	}
	return out
}

func TestClampOddHeaders(t *testing.T) {
	syn := func() *testkit.Frame {
		return to0().IPv4("10.1.0.5", "10.3.0.7").TCP(7, 9, testkit.SYN).TCPOptions(2, 4, 5, 0x78)
	}
	tests := map[string][]byte{
		"data offset 4":             syn().DataOffset(4).Bytes()[34:],
		"data offset 5":             syn().DataOffset(5).Bytes()[34:],
		"data offset beyond packet": syn().DataOffset(7).Bytes()[34:],
		"cut in an option":          syn().Bytes()[34:57],
		"cut behind a kind":         to0().IPv4("10.1.0.5", "10.3.0.7").TCP(7, 9, testkit.SYN).TCPOptions(1, 1, 1, 2).Bytes()[34:],
		"19 bytes":                  syn().Bytes()[34:53],
		"nothing":                   {},
	}
	for name, segment := range tests {
		before := fmt.Sprintf("%x", segment)
		clamp(segment, 100, 1300)
		if after := fmt.Sprintf("%x", segment); after != before {
			t.Errorf("%s: changed to %s from %s", name, after, before)
		}
	}
}
