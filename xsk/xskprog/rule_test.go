// SPDX-License-Identifier: Apache-2.0

package xskprog_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/xsk/xskprog"
)

func frame() *testkit.Frame {
	return testkit.NewFrame([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2})
}

func ip4() *testkit.Frame { return frame().IPv4("192.0.2.7", "198.51.100.9") }
func ip6() *testkit.Frame { return frame().IPv6("2001:db8:1::7", "2001:db8:2::9") }

// packets by name.
func packets() map[string][]byte {
	p := map[string]*testkit.Frame{
		"arp":       frame().EtherType(testkit.EtherTypeARP).Payload(46),
		"udp4":      ip4().UDP(1000, 53),
		"ssh4":      ip4().TCP(1000, 22, testkit.SYN),
		"icmp4":     ip4().ICMP(8, 0),
		"udp6":      ip6().UDP(1000, 53),
		"ssh6":      ip6().TCP(1000, 22, testkit.SYN),
		"options4":  ip4().Options(1, 1, 1, 1).UDP(1000, 53),
		"fragment4": ip4().Fragment(0x2000).UDP(1000, 53),
		"rest4":     ip4().Fragment(5).UDP(1000, 53),
		"tagged4":   frame().Tag(7).IPv4("192.0.2.7", "198.51.100.9").UDP(1000, 53),
		"twice4":    frame().TagOf(testkit.EtherType8021AD, 7).Tag(8).IPv4("192.0.2.7", "198.51.100.9").UDP(1000, 53),
		"thrice4":   frame().Tag(7).Tag(8).Tag(9).IPv4("192.0.2.7", "198.51.100.9").UDP(1000, 53),
		"hop6":      ip6().Extension(0, make([]byte, 6)).UDP(1000, 53),
		"badihl4":   ip4().IHL(4).UDP(1000, 53),
		"longihl4":  ip4().IHL(15).UDP(1000, 53),
	}
	frames := make(map[string][]byte)
	for name, f := range p {
		frames[name] = f.Payload(30).Bytes()
	}
	frames["short4"] = frames["udp4"][:30]
	frames["noports4"] = frames["udp4"][:36]
	return frames
}

// Each rule takes exactly its packets, and all others go to Linux, to the byte.
func TestRules(t *testing.T) {
	prefix := netip.MustParsePrefix
	a, b := newPair(t)
	r := newReceiver(t, b)
	const all4 = "udp4 ssh4 icmp4 options4 fragment4 rest4 tagged4 twice4 longihl4 noports4"
	for _, tt := range []struct {
		rules []xskprog.Rule
		want  string
	}{
		{nil, "everything"},
		{[]xskprog.Rule{{Protocol: 17}}, "udp4 udp6 options4 fragment4 rest4 tagged4 twice4 longihl4 noports4"},
		{[]xskprog.Rule{{Protocol: 17, DstPort: 53}}, "udp4 udp6 options4 tagged4 twice4"},
		{[]xskprog.Rule{{DstPort: 53}}, "udp4 udp6 options4 tagged4 twice4"},
		{[]xskprog.Rule{{Protocol: 17, SrcPort: 1000, DstPort: 53}}, "udp4 udp6 options4 tagged4 twice4"},
		{[]xskprog.Rule{{SrcPort: 53}}, ""},
		{[]xskprog.Rule{{DstPort: 54}}, ""},
		{[]xskprog.Rule{{Protocol: 6, DstPort: 22}}, "ssh4 ssh6"},
		{[]xskprog.Rule{{Protocol: 1}, {Protocol: 6}}, "icmp4 ssh4 ssh6"},
		{[]xskprog.Rule{{DstPrefix: prefix("198.51.100.0/24")}}, all4},
		{[]xskprog.Rule{{DstPrefix: prefix("198.51.100.9/32")}}, all4},
		{[]xskprog.Rule{{DstPrefix: prefix("198.51.100.8/32")}}, ""},
		{[]xskprog.Rule{{DstPrefix: prefix("198.51.101.0/23")}}, all4},
		{[]xskprog.Rule{{DstPrefix: prefix("198.51.102.0/23")}}, ""},
		{[]xskprog.Rule{{SrcPrefix: prefix("0.0.0.0/0")}}, all4},
		{[]xskprog.Rule{{SrcPrefix: prefix("192.0.2.0/29"), Protocol: 6}}, "ssh4"},
		{[]xskprog.Rule{{DstPrefix: prefix("::/0")}}, "udp6 ssh6 hop6"},
		{[]xskprog.Rule{{DstPrefix: prefix("2001:db8:2::/48")}}, "udp6 ssh6 hop6"},
		{[]xskprog.Rule{{DstPrefix: prefix("2001:db8:2::9/128"), DstPort: 53}}, "udp6"},
		{[]xskprog.Rule{{DstPrefix: prefix("2001:db8:2::8/128")}}, ""},
		{[]xskprog.Rule{{DstPrefix: prefix("2001:db8:2::8/127")}}, "udp6 ssh6 hop6"},
		{[]xskprog.Rule{{SrcPrefix: prefix("2001:db8:2::/47")}}, ""},
		{[]xskprog.Rule{{SrcPrefix: prefix("2001:db8::/46"), Protocol: 6}, {DstPort: 54}, {Protocol: 1}}, "ssh6 icmp4"},
	} {
		t.Run(fmt.Sprintf("%+v", tt.rules), func(t *testing.T) { testRules(t, a, b, r, tt.rules, tt.want) })
	}
}

func testRules(t *testing.T, a, b *topo.Host, r *receiver, rules []xskprog.Rule, want string) {
	p := attach(t, b, xskprog.Options{Rules: rules})
	if err := p.Register(0, r.FD()); err != nil {
		t.Fatal(err)
	}
	s, linux := newEnds(t, a, b)
	sent := packets()
	for _, f := range sent {
		if err := s.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	toSocket, toLinux := [][]byte(nil), [][]byte(nil)
	for deadline := time.Now().Add(5 * time.Second); len(toSocket)+len(toLinux) < len(sent) && time.Now().Before(deadline); {
		toSocket = append(toSocket, r.take(t)...)
		frames, err := linux.Until(time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		toLinux = append(toLinux, frames...)
	}
	for name, f := range sent {
		socket, wanted := holds(toSocket, f), want == "everything" || strings.Contains(" "+want+" ", " "+name+" ")
		if socket != wanted || holds(toLinux, f) == wanted {
			t.Errorf("%s: to the socket: %v, want %v; to Linux: %v", name, socket, wanted, holds(toLinux, f))
		}
	}
}

func holds(frames [][]byte, f []byte) bool {
	for _, g := range frames {
		if bytes.Equal(f, g) {
			return true
		}
	}
	return false
}

// As many of the longest rules as there may be, and one more.
func TestManyRules(t *testing.T) {
	_, b := newPair(t)
	var rules []xskprog.Rule
	for i := range 501 {
		addr := netip.AddrFrom16([16]byte{0x20, 1, 14: byte(i >> 8), 15: byte(i)})
		rules = append(rules, xskprog.Rule{Protocol: 17, SrcPort: 1, DstPort: 2, SrcPrefix: netip.PrefixFrom(addr, 128), DstPrefix: netip.PrefixFrom(addr, 128)})
	}
	attach(t, b, xskprog.Options{Rules: rules[:500]})
	if _, err := tryAttach(t, b, xskprog.Options{Rules: rules}); err == nil || !strings.Contains(err.Error(), "at most 500") {
		t.Errorf("501 rules: %v", err)
	}
}

func TestBadRules(t *testing.T) {
	_, b := newPair(t)
	for _, tt := range []struct {
		rule xskprog.Rule
		want string
	}{
		{xskprog.Rule{SrcPrefix: netip.MustParsePrefix("192.0.2.0/24"), DstPrefix: netip.MustParsePrefix("::/0")}, "make two rules"},
		{xskprog.Rule{Protocol: 1, DstPort: 7}, "protocol 1 has no ports"},
	} {
		if _, err := tryAttach(t, b, xskprog.Options{Rules: []xskprog.Rule{tt.rule}}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %q", tt.rule, err, tt.want)
		}
	}
}
