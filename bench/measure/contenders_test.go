// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"clearway/internal/testkit"
	"clearway/internal/topo"
)

const testCPU = 0

func testLab(t *testing.T, router topo.HostSpec) (*lab, *contendersObjects) {
	t.Helper()
	testkit.RequireRoot(t)
	testkit.RequireKernel(t, "5.18", "xdp.frags")
	l, err := newLab(t.Context(), router)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := newContenders(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return l, c
}

// The peers must be right, or it says nothing to be faster.
func TestContenders(t *testing.T) {
	l, c := testLab(t, routerSpec())
	plain4 := udpFrame(generatorMAC, ingressMAC, source4, netip.MustParseAddr("10.1.2.3"))
	plain6 := udpFrame(generatorMAC, ingressMAC, source6, netip.MustParseAddr("2001:db8:1:2::1"))
	unrouted := udpFrame(generatorMAC, ingressMAC, source4, netip.MustParseAddr("203.0.113.1"))
	// change returns a copy of a frame with one byte changed; the checksum is
	// as the peers would leave it: they don't look.
	change := func(frame []byte, at int, to byte) []byte {
		frame = slices.Clone(frame)
		frame[at] = to
		return frame
	}
	for _, row := range []struct {
		name     string
		programs []*ebpf.Program
		frame    []byte
		forwards bool
	}{
		{"IPv4", []*ebpf.Program{c.Fib4, c.Fixed4}, plain4, true},
		{"IPv6", []*ebpf.Program{c.Fib6, c.Fixed6}, plain6, true},
		{"IPv6 to the IPv4 programs", []*ebpf.Program{c.Fib4, c.Fixed4}, plain6, false},
		{"IPv4 to the IPv6 programs", []*ebpf.Program{c.Fib6, c.Fixed6}, plain4, false},
		{"no route", []*ebpf.Program{c.Fib4}, unrouted, false},
		{"TTL 1", []*ebpf.Program{c.Fib4, c.Fixed4}, change(plain4, ethernetBytes+8, 1), false},
		{"hop limit 1", []*ebpf.Program{c.Fib6, c.Fixed6}, change(plain6, ethernetBytes+7, 1), false},
		{"IPv4 options", []*ebpf.Program{c.Fib4, c.Fixed4}, change(plain4, ethernetBytes, 0x46), false},
		{"truncated IPv4", []*ebpf.Program{c.Fib4, c.Fixed4}, plain4[:ethernetBytes+ipv4Bytes-1], false},
		{"truncated IPv6", []*ebpf.Program{c.Fib6, c.Fixed6}, plain6[:ethernetBytes+ipv6Bytes-1], false},
		{"empty program", []*ebpf.Program{c.Empty}, plain4, false},
	} {
		for _, program := range row.programs {
			verdict, want := uint32(xdpPass), row.frame
			if row.forwards {
				verdict, want = xdpRedirect, forwarded(want, egressMAC, nextHopMAC)
			}
			opts := ebpf.RunOptions{
				Data:    row.frame,
				DataOut: make([]byte, 2*frameBytes),
				Context: xdpMD{DataEnd: uint32(len(row.frame)), IngressIfindex: uint32(l.ingress.Index)},
			}
			err := l.Host(routerHost).Do(func() error {
				got, err := program.Run(&opts)
				if err == nil && (got != verdict || !bytes.Equal(opts.DataOut, want)) {
					t.Errorf("%s, %v: verdict %d, frame %x; want %d, %x", row.name, program, got, opts.DataOut, verdict, want)
				}
				return err
			})
			if err != nil {
				t.Errorf("%s, %v: %v", row.name, program, err)
			}
		}
	}
}

// Whatever the contender before did to the frame, the next one gets the next
// flow's, right in every byte.
func TestFeedRestoresFrames(t *testing.T) {
	l, c := testLab(t, routerSpec())
	random := testkit.Rand(t)
	for _, row := range []struct {
		source netip.Addr
		flows  []netip.Addr
		spoil  *ebpf.Program
	}{
		{source4, allowedFlows4(random, 64), c.Fib4},
		{source4, missedFlows4(random, 64, nil), c.Fixed4},
		{source6, flows6(random, 64, true), c.Fib6},
	} {
		f, err := newFeed(l, row.flows, testCPU)
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		// The buffer starts as another run left it.
		f.frame = forwarded(f.frame, egressMAC, nextHopMAC)
		if err := f.to(c.Empty); err != nil {
			t.Fatal(err)
		}
		for i := range 2 * len(row.flows) {
			want := udpFrame(generatorMAC, ingressMAC, row.source, row.flows[i%len(row.flows)])
			_, got, _, err := f.run(1, make([]byte, 2*frameBytes))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("flow %d: frame %x, want %x", i, got, want)
			}
		}
		// And after any number of runs of a forwarder.
		if err := f.to(row.spoil); err != nil {
			t.Fatal(err)
		}
		last := row.flows[(1000-1)%len(row.flows)]
		want := forwarded(udpFrame(generatorMAC, ingressMAC, row.source, last), egressMAC, nextHopMAC)
		if err := f.restart(); err != nil {
			t.Fatal(err)
		}
		verdict, got, _, err := f.run(1000, make([]byte, 2*frameBytes))
		if err != nil || verdict != xdpRedirect || !bytes.Equal(got, want) {
			t.Errorf("after 1,000 runs: verdict %d, frame %x, %v; want %x", verdict, got, err, want)
		}
	}
}
