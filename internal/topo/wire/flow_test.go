// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// run starts a flow, stops it when n packets were sent, and returns the report.
func run(t *testing.T, f Flow, n uint64) Report {
	t.Helper()
	s, err := f.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); s.Sent() < n && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	r, err := s.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent < n {
		t.Fatalf("only %d of %d packets could be sent: %v", r.Sent, n, r)
	}
	return r
}

func flowOf(f family, from, to *topo.Host, rate int) Flow {
	return Flow{
		From: from, To: to, Rate: rate, Size: 100, ID: 7,
		Source: netip.AddrPortFrom(f.client, 4000), Destination: netip.AddrPortFrom(f.server, 5000),
	}
}

// Linux's own forwarding loses nothing at a rate it can take, and so does the
// tool.
func TestFlowThroughLinux(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	for _, fam := range demoFamilies {
		t.Run(fam.name, func(t *testing.T) {
			r := run(t, flowOf(fam, lab.Host("client"), lab.Host("server1"), 50_000), 50_000)
			t.Log(r)
			if err := r.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The tool itself, over one link, must manage what tests of zero loss ask for.
func TestFlowAtFullRate(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	fam := demoFamilies[0]
	fam.server = netip.MustParseAddr("192.0.2.1")
	var r Report
	for try := 0; try < 5 && r.Rate() < 100_000; try++ { // others may use the CPUs too
		r = run(t, flowOf(fam, lab.Host("client"), lab.Host("router"), 150_000), 75_000)
		t.Log(r)
		if err := r.Err(); err != nil {
			t.Error(err)
		}
	}
	if r.Rate() < 100_000 {
		t.Errorf("at most %.0f packets a second, at least 100,000 are needed", r.Rate())
	}
}

// tamperer applies a fault to each tenth datagram of a flow, and counts.
type tamperer struct {
	fault   func(frame []byte) [][]byte
	flow    [8]byte
	seen, n uint64
}

func (m *tamperer) frame(f []byte) [][]byte {
	if !bytes.Contains(f, m.flow[:]) {
		return [][]byte{f}
	}
	m.seen++
	if m.seen%10 != 0 {
		return [][]byte{f}
	}
	m.n++
	return m.fault(f)
}

// swapWords exchanges two 16-bit words at the end, which the Internet checksum
// doesn't notice. They differ in all flows of the tests.
func swapWords(f []byte) [][]byte {
	f = slices.Clone(f)
	end := f[len(f)-4:]
	end[0], end[1], end[2], end[3] = end[2], end[3], end[0], end[1]
	return [][]byte{f}
}

// Each fault that a path can have shows up in the report, as often as it
// happened and as nothing else.
func TestFlowShowsFaults(t *testing.T) {
	var held []byte
	tests := []struct {
		name  string
		fault func(f []byte) [][]byte
		want  func(n uint64) Report
	}{
		{"lost", func([]byte) [][]byte { return nil },
			func(n uint64) Report { return Report{Lost: n} }},
		{"doubled", func(f []byte) [][]byte { return [][]byte{f, f} },
			func(n uint64) Report { return Report{Doubled: n} }},
		{"altered", swapWords,
			func(n uint64) Report { return Report{Lost: n, Altered: n} }},
		{"wrong checksum", func(f []byte) [][]byte { f = slices.Clone(f); f[len(f)-1]++; return [][]byte{f} },
			func(n uint64) Report { return Report{Lost: n, Refused: n} }},
		{"reordered", func(f []byte) [][]byte { // each second one waits for the next, ten packets later
			if held == nil {
				held = f
				return nil
			}
			both := [][]byte{f, held}
			held = nil
			return both
		}, func(n uint64) Report { return Report{Reordered: n / 2, Lost: n % 2} }},
	}
	for _, tt := range tests {
		for _, fam := range boxFamilies {
			t.Run(tt.name+" "+fam.name, func(t *testing.T) {
				held = nil
				m := &tamperer{fault: tt.fault}
				binary.BigEndian.PutUint64(m.flow[:], 7)
				client, server, stop := newBox(t, m.frame)
				got := run(t, flowOf(fam, client, server, 5000), 500)
				stop()
				checkReport(t, got, tt.want(m.n))
				if m.n < 50 {
					t.Errorf("only %d faults were made", m.n)
				}
			})
		}
	}
}

// checkReport compares the counts of a report. Of Sent and Received want says
// nothing, as they follow from the rest.
func checkReport(t *testing.T, got, want Report) {
	t.Helper()
	want.Sent, want.Elapsed, want.LostRanges = got.Sent, got.Elapsed, got.LostRanges
	want.Received = got.Sent - want.Lost + want.Doubled + want.Altered
	if got.String() != want.String() {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got.Err() == nil {
		t.Error("the report has no error")
	}
	if want.Lost > 0 && (len(got.LostRanges) == 0 || got.LostRanges[0] != Range{9, 9}) && want.Lost > 1 {
		t.Errorf("the first loss is packet 9, got %v", got.LostRanges)
	}
}

// What isn't of the flow counts as altered, whatever it is.
func TestFlowCountsStrangers(t *testing.T) {
	client, server, _ := newBox(t, func(f []byte) [][]byte { return [][]byte{f} })
	fam := boxFamilies[0]
	s, err := flowOf(fam, client, server, 1000).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(t.Context(), "udp", s.flow.Destination.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other := newPayload(8, 100)
	writePayload(other, 1)
	for _, p := range [][]byte{nil, {1}, other, make([]byte, 1400)} {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if r.Altered != 4 || r.Lost != 0 {
		t.Errorf("got %v, want 4 altered", r)
	}
}

func TestFlowEndsWithContext(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	ctx, cancel := context.WithCancel(t.Context())
	s, err := flowOf(demoFamilies[0], lab.Host("client"), lab.Host("server1"), 1000).Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	time.Sleep(50 * time.Millisecond)
	sent := s.Sent()
	time.Sleep(50 * time.Millisecond)
	if s.Sent() != sent {
		t.Error("the flow goes on after its context ended")
	}
	if _, err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestFlowRefusesToStart(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	good := flowOf(demoFamilies[0], lab.Host("client"), lab.Host("server1"), 1000)
	tests := []struct {
		name, want string
		change     func(f *Flow)
	}{
		{"no rate", "rate", func(f *Flow) { f.Rate = 0 }},
		{"rate too high", "rate", func(f *Flow) { f.Rate = 1e9 }},
		{"a source that isn't there", "bind", func(f *Flow) { f.Source = netip.MustParseAddrPort("192.0.2.99:1") }},
		{"a destination that isn't there", "bind", func(f *Flow) { f.Destination = netip.MustParseAddrPort("192.0.2.99:1") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := good
			tt.change(&f)
			_, err := f.Start(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one about %q", err, tt.want)
			}
		})
	}
}
