// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

func TestEcho(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	router := lab.Host("router")
	for _, to := range []string{"203.0.113.64/26", "2001:db8:200:64::/64"} {
		if err := router.AddRoute(topo.Route{To: netip.MustParsePrefix(to), Type: topo.Prohibit}); err != nil {
			t.Fatal(err)
		}
	}
	router4, router6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8:1::1")
	tests := []struct {
		name string
		echo Echo
		want Reply
	}{
		{"IPv4", Echo{To: topo.DemoServer14}, Reply{From: topo.DemoServer14, Type: 0, Echo: true}},
		{"IPv6", Echo{To: topo.DemoServer16}, Reply{From: topo.DemoServer16, Type: 129, Echo: true}},
		{"IPv4 large", Echo{To: topo.DemoServer24, Size: 1471}, Reply{From: topo.DemoServer24, Type: 0, Echo: true}},
		{"IPv6 large", Echo{To: topo.DemoServer26, Size: 1452}, Reply{From: topo.DemoServer26, Type: 129, Echo: true}},
		{"IPv4 itself", Echo{To: topo.DemoClient4}, Reply{From: topo.DemoClient4, Type: 0, Echo: true}},
		{"IPv4 time exceeded", Echo{To: topo.DemoServer14, TTL: 1}, Reply{From: router4, Type: 11}},
		{"IPv6 time exceeded", Echo{To: topo.DemoServer16, TTL: 1}, Reply{From: router6, Type: 3}},
		{"IPv4 prohibited", Echo{To: netip.MustParseAddr("203.0.113.70")}, Reply{From: router4, Type: 3, Code: 13}},
		{"IPv6 prohibited", Echo{To: netip.MustParseAddr("2001:db8:200:64::1")}, Reply{From: router6, Type: 1, Code: 1}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			tt.echo.From, tt.echo.ID, tt.echo.Seq = lab.Host("client"), 77, uint16(i)
			got, err := tt.echo.Send(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got.RTT <= 0 {
				t.Errorf("a round trip of %v", got.RTT)
			}
			if got.RTT = 0; got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestEchoWithoutReply(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	to := netip.MustParseAddr("203.0.113.70")
	err := lab.Host("router").AddRoute(topo.Route{To: netip.PrefixFrom(to, 32), Type: topo.Blackhole})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r, err := (Echo{From: lab.Host("client"), To: to}).Send(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v, %v", r, err)
	}
}

// Only what belongs to the request is its answer.
func TestEchoAnswers(t *testing.T) {
	e := Echo{ID: 7, Seq: 8, Size: 12}
	for _, p := range []icmpProtocol{icmp4, icmp6} {
		request := p.message(e)
		var ipHeader []byte // that a raw socket delivers
		quoted := make([]byte, 40)
		if p.number == icmp4.number {
			ipHeader = append([]byte{0x46}, make([]byte, 23)...)
			quoted = append([]byte{0x45}, make([]byte, 19)...)
			if testkit.Checksum(request) != 0 {
				t.Error("the checksum of the request is wrong")
			}
		}
		reply := slices.Concat(ipHeader, []byte{p.reply}, request[1:])
		failure := slices.Concat(ipHeader, []byte{p.errors[0], 3, 0, 0, 0, 0, 0, 0}, quoted, request[:8])
		for name, m := range map[string][]byte{"reply": reply, "error": failure} {
			if _, ok := p.answer(m, e); !ok {
				t.Errorf("%d: the %s was not recognised", p.number, name)
			}
			for n := range m {
				if _, ok := p.answer(m[:n], e); ok {
					t.Errorf("%d: the %s, cut to %d bytes, was recognised", p.number, name, n)
				}
			}
			for _, other := range []Echo{{ID: 6, Seq: 8, Size: 12}, {ID: 7, Seq: 9, Size: 12}} {
				if _, ok := p.answer(m, other); ok {
					t.Errorf("%d: the %s was taken for that of another request", p.number, name)
				}
			}
		}
		if _, ok := p.answer(slices.Concat(ipHeader, request), e); ok {
			t.Errorf("%d: the request was taken for its answer", p.number)
		}
	}
}

func TestInternetChecksum(t *testing.T) {
	r := testkit.Rand(t)
	for range 1000 {
		b := make([]byte, r.IntN(100))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if got, want := internetChecksum(b), testkit.Checksum(b); got != want {
			t.Fatalf("%x: got %04x, want %04x", b, got, want)
		}
	}
}
