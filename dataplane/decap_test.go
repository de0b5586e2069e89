// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"clearway/internal/testkit"
)

const (
	decapGUE   = 6080
	decapHost4 = "198.51.100.2"
	decapHost6 = "2001:db8:100::2"
)

// newDecap loads the receiver of a host with one address of each family.
func newDecap(t *testing.T, gue uint16) *ebpf.Program {
	testkit.RequireRoot(t)
	coll, err := loadDecapWith(gue, []net.Addr{
		&net.IPNet{IP: net.ParseIP(decapHost4), Mask: net.CIDRMask(24, 32)},
		&net.IPNet{IP: net.ParseIP(decapHost6), Mask: net.CIDRMask(64, 128)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(coll.Close)
	return coll.Programs["decap"]
}

// carriedFrame is a frame to a service before a balancer sends it on. tci 0 is
// untagged.
func carriedFrame(ipv6 bool, tci uint16) *testkit.Frame {
	f := testkit.NewFrame(routerMAC(1), hostMAC(1))
	if tci != 0 {
		f.Tag(tci)
	}
	if ipv6 {
		return f.IPv6("2001:db8:7::7", "2001:db8:99::1").FlowLabel(0x12345).TCP(40000, 80, testkit.SYN).Payload(33)
	}
	return f.IPv4("203.0.113.77", "192.0.2.99").ID(7).TCP(40000, 80, testkit.SYN).Payload(33)
}

// outerOf are headers of a tunnel as a balancer would put them on.
func outerOf(in frame, mode ServiceMode, to string, vid uint16) sent {
	s := sent{in: in, vid: vid, mode: mode, from: "172.16.3.4", to: to, dmac: routerMAC(1), smac: hostMAC(1), port: 0xc123}
	if netip.MustParseAddr(to).Is6() {
		s.from = "100::304"
	}
	return s
}

// Whatever is put in a tunnel comes out as it was.
func TestDecapStrips(t *testing.T) {
	prog := newDecap(t, decapGUE)
	for _, to := range []string{decapHost4, decapHost6} {
		for _, ipv6 := range []bool{false, true} {
			for _, mode := range []ServiceMode{IPIP, GUE} {
				for _, tci := range []uint16{0, 0x6064} {
					in := carriedFrame(ipv6, tci)
					name := fmt.Sprintf("%s to %s, inner IPv6 %v, tag %#x", mode, to, ipv6, tci)
					checkDecap(t, prog, name, outerOf(in, mode, to, tci&0xfff), in.Bytes())
				}
			}
		}
	}
	in := carriedFrame(false, 0)
	padded := append(outerOf(in, IPIP, decapHost4, 0).Bytes(), make([]byte, 9)...)
	checkDecap(t, prog, "trailer", raw(padded), append(in.Bytes(), make([]byte, 9)...))
	twice := raw(outerOf(in, IPIP, decapHost4, 0).Bytes())
	checkDecap(t, prog, "one of two tunnels", outerOf(twice, GUE, decapHost6, 0), twice)
}

// checkDecap runs a frame. Where want is nil it should come through untouched.
func checkDecap(t *testing.T, prog *ebpf.Program, name string, in frame, want []byte) {
	t.Helper()
	if want == nil {
		want = in.Bytes()
	}
	action, out, err := testRun(prog, in.Bytes(), nil)
	if err != nil || actionName(action) != "pass" || !bytes.Equal(out, want) {
		t.Errorf("%s: %s, %v\n got %x\nwant %x", name, actionName(action), err, out, want)
	}
}

// What is not a tunnel to this host, or not whole, is Linux's business.
func TestDecapLeavesAlone(t *testing.T) {
	prog := newDecap(t, decapGUE)
	in := carriedFrame(false, 0)
	ipip4, ipip6 := outerOf(in, IPIP, decapHost4, 0), outerOf(in, IPIP, decapHost6, 0)
	gue4, gue6 := outerOf(in, GUE, decapHost4, 0), outerOf(in, GUE, decapHost6, 0)
	tagged := func(tags ...byte) raw { f := ipip4.Bytes(); return slices.Concat(f[:12], tags, f[12:]) }
	plain := func() *testkit.Frame {
		return testkit.NewFrame(routerMAC(1), hostMAC(1)).IPv4("172.16.3.4", decapHost4)
	}
	// What an IPIP header of another make would carry.
	inner := in.Bytes()[14:]
	with := func(f *testkit.Frame) raw { return append(raw(f.Protocol(4).Bytes()), inner...) }
	full := func(f *testkit.Frame) *testkit.Frame { return f.Length(20 + len(inner)) }
	rows := []struct {
		name string
		in   frame
	}{
		{"not IP", testkit.NewFrame(routerMAC(1), hostMAC(1)).EtherType(testkit.EtherTypeARP).Payload(46)},
		{"a packet to this host", plain().TCP(1, 2, testkit.SYN)},
		{"to another host", outerOf(in, IPIP, "198.51.100.3", 0)},
		{"to another host, IPv6", outerOf(in, IPIP, "2001:db8:100::3", 0)},
		{"GUE to another host", outerOf(in, GUE, "198.51.100.3", 0)},
		{"an IPv4 address in IPv6", outerOf(in, IPIP, "::c633:6402", 0)},
		{"two tags", tagged(0x81, 0, 0, 5, 0x81, 0, 0, 6)},
		{"802.1ad", tagged(0x88, 0xa8, 0, 5)},
		{"first fragment", with(full(plain().Fragment(0x2000)))},
		{"later fragment", with(full(plain().Fragment(0x0010)))},
		{"options", with(plain().Options(1, 1, 1, 1).Length(24 + len(inner)))},
		{"wrong header checksum", with(full(plain().BadChecksum()))},
		{"version 5 outside", patched(ipip4, 14, 0x55)},
		{"version 5 inside", patched(ipip4, 34, 0x55)},
		{"version 6 in protocol 4", patched(ipip4, 34, 0x65)},
		{"version 4 in next header 41", patched(ipip6, 14+6, 41)},
		{"extension header", patched(ipip6, 14+6, 60)},
		{"fragment of IPv6", patched(ipip6, 14+6, 44)},
		{"UDP to another port", patched(gue4, 36, 0x17, 0xc1)},
		{"UDP over IPv6 to another port", patched(gue6, 56, 0x17, 0xc1)},
		{"GUE variant 0", patched(gue4, 42, 0x00)},
		{"GUE variant 2", patched(gue4, 42, 0x85)},
	}
	for _, row := range rows {
		checkDecap(t, prog, row.name, row.in, nil)
	}
	for _, tunnel := range []sent{ipip4, ipip6, gue4, gue6} {
		whole := tunnel.Bytes()
		inside := len(whole) - len(inner)
		for n := 14; n < inside+20; n++ {
			checkDecap(t, prog, fmt.Sprintf("%d of %d bytes", n, len(whole)), raw(whole[:n]), nil)
		}
		if _, out, _ := testRun(prog, whole[:inside+20], nil); len(out) != 34 {
			t.Errorf("%d bytes came out of %d with a whole inner header", len(out), inside+20)
		}
	}
	checkDecap(t, newDecap(t, 0), "no GUE port set", gue4, nil)
	checkDecap(t, newDecap(t, 0), "no GUE port set, port 0", patched(gue4, 36, 0, 0), nil)
}

// RFC 6040, as far as an outer header says that it met congestion.
func TestDecapCongestion(t *testing.T) {
	prog := newDecap(t, decapGUE)
	for _, ipv6 := range []bool{false, true} {
		for outer := range uint8(4) {
			for inner := range uint8(4) {
				in := carriedFrame(ipv6, 0).TOS(0x28 | outer)
				out := outerOf(in, IPIP, decapHost6, 0).Bytes()
				copy(out[54:], carriedFrame(ipv6, 0).TOS(0x28 | inner).Bytes()[14:])
				want, verdict := inner, "pass"
				switch {
				case outer == 3 && inner == 0:
					verdict = "drop"
				case outer == 3:
					want = 3
				}
				action, got, err := testRun(prog, out, nil)
				if err != nil || actionName(action) != verdict {
					t.Errorf("IPv6 %v, %d outside, %d inside: %s, %v, want %s", ipv6, outer, inner, actionName(action), err, verdict)
				}
				if w := carriedFrame(ipv6, 0).TOS(0x28 | want).Bytes(); verdict == "pass" && !bytes.Equal(got, w) {
					t.Errorf("IPv6 %v, %d outside, %d inside:\n got %x\nwant %x", ipv6, outer, inner, got, w)
				}
			}
		}
	}
}
