// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
)

// set is Set, inside the balancer.
func (l *probeLab) set(targets map[uint32]ProbeTarget, devices ...int) error {
	return l.Host("balancer").Do(func() error { return l.prober.Set(targets, devices) })
}

func (l *probeLab) mustSet(targets map[uint32]ProbeTarget, devices ...int) {
	l.t.Helper()
	if err := l.set(targets, devices...); err != nil {
		l.t.Fatal(err)
	}
}

// tunnel is the way to a host by number: 1 is one, 2 is two, 5 is near, which
// the balancer reaches by its other device.
func (l *probeLab) tunnel(mode ServiceMode, n int, ipv6 bool) ProbeTarget {
	t := ProbeTarget{Mode: mode, Source: probeSource4, GUEPort: decapGUE, Egress: l.eth0}
	t.Address = netip.MustParseAddr(fmt.Sprintf("10.0.%d.2", n))
	if ipv6 {
		t.Source, t.Address = probeSource6, netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::2", n))
	}
	if n == 5 {
		t.Egress = l.eth1
		t.Address = t.Address.Prev() // near has the other end's address
	}
	return t
}

// A probe reaches the backend whose mark it has, in every form, and none other.
func TestProbesReachTheirBackend(t *testing.T) {
	l := newProbeLab(t)
	for _, mode := range []ServiceMode{IPIP, GUE, L2} {
		for _, backend6 := range []bool{false, true} {
			for _, service := range []netip.Addr{probed4, probed6} {
				if mode == L2 && backend6 != service.Is6() {
					continue // there is no such service
				}
				t.Run(fmt.Sprintf("%s, backend IPv6 %v, to %v", mode, backend6, service), func(t *testing.T) {
					l.t = t
					l.checkBackends(mode, backend6, service)
				})
			}
		}
	}
}

func (l *probeLab) checkBackends(mode ServiceMode, backend6 bool, service netip.Addr) {
	l.t.Helper()
	backends := map[string]int{"one": 1, "two": 2, "near": 5}
	if mode == L2 {
		backends = map[string]int{"near": 5}
	}
	targets := map[uint32]ProbeTarget{}
	for _, n := range backends {
		targets[0xc0000000|uint32(n)] = l.tunnel(mode, n, backend6)
	}
	l.mustSet(targets, l.eth0)
	for host, n := range backends {
		l.checkAsk(service, 0xc0000000|n, 100, host)
		l.checkAsk(service, 0xc0000000|n, 3000, host) // a burst, which the kernel cuts up behind the program
	}
	l.checkAsk(service, 0, 100, "elsewhere")
	l.checkAsk(service, 0xc0000004, 100, "elsewhere")
}

// On the wire a probe is what a balancer's tunnel would have made of it.
func TestProbesOnTheWire(t *testing.T) {
	l := newProbeLab(t)
	for _, mode := range []ServiceMode{IPIP, GUE} {
		for _, backend6 := range []bool{false, true} {
			for _, service := range []netip.Addr{probed4, probed6} {
				l.mustSet(map[uint32]ProbeTarget{0xc0000001: l.tunnel(mode, 1, backend6)}, l.eth0)
				what := fmt.Sprintf("%s, backend IPv6 %v, to %v", mode, backend6, service)
				for _, n := range []int{1, 100, 999, 3000} {
					target := l.tunnel(mode, 1, backend6)
					checkOnWire(t, what, l.captureAsk(service, n, target), target)
				}
			}
		}
	}
}

// captureAsk returns the frames that the router got when backend one was asked.
func (l *probeLab) captureAsk(service netip.Addr, n int, target ProbeTarget) [][]byte {
	l.t.Helper()
	addresses := append(target.Source.AsSlice(), target.Address.AsSlice()...)
	c, err := wire.NewCapture(l.Host("router"), "eth0", func(f []byte) bool { return bytes.Contains(f, addresses) })
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	l.checkAsk(service, 0xc0000001, n, "one")
	frames, err := c.Until(50 * time.Millisecond)
	if err != nil {
		l.t.Fatal(err)
	}
	return frames
}

// checkOnWire builds each frame anew around the packet that it carries.
func checkOnWire(t *testing.T, what string, frames [][]byte, target ProbeTarget) {
	t.Helper()
	if len(frames) < 4 { // SYN, ACK, data, FIN
		t.Errorf("%s: %d frames", what, len(frames))
	}
	for _, f := range frames {
		at := 14 + 20 // of the packet carried
		if target.Address.Is6() {
			at = 14 + 40
		}
		if target.Mode == GUE {
			at += 8
		}
		etherType, tos, ports := uint16(testkit.EtherTypeIPv4), f[at+1], at+20
		if f[at]>>4 == 6 {
			etherType, tos, ports = testkit.EtherTypeIPv6, byte(binary.BigEndian.Uint16(f[at:])>>4), at+40
		}
		if tos != probeTOS {
			t.Errorf("%s: TOS %#x inside is not the socket's", what, tos)
		}
		checkChecksum(t, what, f[at:], ports-at)
		in := slices.Concat(f[:12], binary.BigEndian.AppendUint16(nil, etherType), f[at:])
		want := sent{in: raw(in), mode: target.Mode, from: target.Source.String(), to: target.Address.String(),
			dmac: [6]byte(f[:6]), smac: [6]byte(f[6:]), port: binary.BigEndian.Uint16(f[ports:]) | 0xc000}.Bytes()
		if got := unnumbered(f); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", what, got, want)
		}
	}
}

// unnumbered takes the ID out of an IPv4 header, which the kernel gives to the
// packets that it makes of a burst.
func unnumbered(f []byte) []byte {
	if binary.BigEndian.Uint16(f[12:]) != testkit.EtherTypeIPv4 || testkit.Checksum(f[14:34]) != 0 {
		return f
	}
	f = slices.Clone(f)
	f[18], f[19], f[24], f[25] = 0, 0, 0, 0
	binary.BigEndian.PutUint16(f[24:], testkit.Checksum(f[14:34]))
	return f
}

// checkChecksum looks at that of the TCP segment carried.
func checkChecksum(t *testing.T, what string, packet []byte, header int) {
	t.Helper()
	addresses := packet[header-8 : header]
	if header == 40 {
		addresses = packet[8:40]
	}
	segment := packet[header:]
	pseudo := binary.BigEndian.AppendUint32(slices.Clone(addresses), uint32(len(segment)))
	if sum := testkit.Checksum(slices.Concat(pseudo, []byte{0, 0, 0, testkit.ProtoTCP}, segment)); sum != 0 {
		t.Errorf("%s: the packet carried has a wrong checksum: %x", what, packet)
	}
}

// What stays is not touched, and one device that is gone does not keep the
// others from being set.
func TestProberSetsDifferences(t *testing.T) {
	l := newProbeLab(t)
	one, two := l.tunnel(IPIP, 1, false), l.tunnel(GUE, 2, true)
	l.mustSet(map[uint32]ProbeTarget{7: one, 8: two}, l.eth0)
	links := l.links()
	l.mustSet(map[uint32]ProbeTarget{8: two, 9: one}, l.eth0, l.eth1)
	if now := l.links(); now[l.eth0] != links[l.eth0] || len(now) != 2 {
		t.Errorf("links %v, before %v", now, links)
	}
	l.checkAsk(probed4, 7, 1, "elsewhere")
	l.checkAsk(probed4, 8, 1, "two")
	l.checkAsk(probed4, 9, 1, "one")

	if err := l.Host("balancer").DeleteDevice("eth1"); err != nil {
		t.Fatal(err)
	}
	err := l.set(map[uint32]ProbeTarget{7: one, 10: {Mode: L2}}, l.eth1, l.eth0)
	for _, want := range []string{fmt.Sprintf("device %d", l.eth1), "mark 0xa"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: nothing about %s", err, want)
		}
	}
	if now := l.links(); now[l.eth0] != links[l.eth0] || len(now) != 1 {
		t.Errorf("links %v, before %v", now, links)
	}
	l.checkAsk(probed4, 7, 1, "one")
	l.checkAsk(probed4, 8, 1, "elsewhere")

	l.mustSet(map[uint32]ProbeTarget{7: one})
	if now := l.links(); len(now) != 0 {
		t.Errorf("links %v", now)
	}
	l.checkAsk(probed4, 7, 1, "elsewhere")
}

// links are the ids of the prober's links by device.
func (l *probeLab) links() map[int]link.ID {
	l.t.Helper()
	ids := map[int]link.ID{}
	for ifindex, link := range l.prober.links {
		info, err := link.Info()
		if err != nil {
			l.t.Fatal(err)
		}
		ids[ifindex] = info.ID
	}
	return ids
}

// Another's program on the same device goes on, sees the probe as it is sent, and
// stays when the prober goes.
func TestProberLeavesOthers(t *testing.T) {
	l := newProbeLab(t)
	marked, all := l.attachCounter()
	l.mustSet(map[uint32]ProbeTarget{7: l.tunnel(GUE, 1, true)}, l.eth0)
	l.checkAsk(probed4, 7, 1, "one")
	if marked() != 0 || all() == 0 {
		t.Errorf("the other program saw %d packets, %d with a mark", all(), marked())
	}
	before := all()
	l.checkAsk(probed4, 8, 1, "elsewhere")
	if marked() == 0 || all() == before {
		t.Error("the other program saw no packet that is left alone")
	}
	l.do("balancer", l.prober.Close)
	before = all()
	l.checkAsk(probed4, 7, 1, "elsewhere")
	if all() == before {
		t.Error("the other program is gone")
	}
}

// attachCounter attaches a program that counts packets, and those with mark 7 or 8.
// The kernel's MLD reports have others: struct sk_buff keeps reserved_tailroom, which
// they use, where the mark is.
func (l *probeLab) attachCounter() (marked, all func() (n uint64)) {
	l.t.Helper()
	counts, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { counts.Close() })
	const markAt = 8 // in struct __sk_buff
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, markAt, asm.Word),
		asm.LoadMapValue(asm.R1, counts.FD(), 0),
		asm.Mov.Imm(asm.R2, 1),
		asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
		asm.JLT.Imm(asm.R6, 7, "next"),
		asm.JGT.Imm(asm.R6, 8, "next"),
		asm.LoadMapValue(asm.R1, counts.FD(), 8),
		asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R0, -1).WithSymbol("next"),
		asm.Return(),
	}})
	if err != nil {
		l.t.Fatal(err)
	}
	defer prog.Close()
	var attached link.Link
	l.do("balancer", func() (err error) {
		attached, err = link.AttachTCX(link.TCXOptions{Interface: l.eth0, Program: prog, Attach: ebpf.AttachTCXEgress})
		return err
	})
	l.t.Cleanup(func() { attached.Close() })
	read := func(which int) func() uint64 {
		return func() uint64 {
			var n [2]uint64
			if err := counts.Lookup(uint32(0), &n); err != nil {
				l.t.Fatal(err)
			}
			return n[which]
		}
	}
	return read(1), read(0)
}

func TestProbeTargets(t *testing.T) {
	address4, address6 := netip.MustParseAddr("10.0.1.2"), netip.MustParseAddr("2001:db8:1::2")
	for _, row := range []struct {
		name string
		in   ProbeTarget
		ok   bool
	}{
		{"ipip", ProbeTarget{Mode: IPIP, Address: address4, Source: probeSource4, Egress: 1}, true},
		{"gue", ProbeTarget{Mode: GUE, Address: address6, Source: probeSource6, GUEPort: 1, Egress: 1}, true},
		{"l2", ProbeTarget{Mode: L2, Address: address4, Egress: 1}, true},
		{"no address", ProbeTarget{Mode: IPIP, Source: probeSource4, Egress: 1}, false},
		{"no source", ProbeTarget{Mode: IPIP, Address: address4, Egress: 1}, false},
		{"two families", ProbeTarget{Mode: IPIP, Address: address4, Source: probeSource6, Egress: 1}, false},
		{"no port", ProbeTarget{Mode: GUE, Address: address4, Source: probeSource4, Egress: 1}, false},
		{"no egress", ProbeTarget{Mode: L2, Address: address4}, false},
		{"no mode", ProbeTarget{Address: address4, Source: probeSource4, Egress: 1}, false},
	} {
		if _, err := row.in.record(); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
