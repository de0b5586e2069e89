// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

func (r *router) explain(ifindex int, frame []byte) (e Explanation) {
	r.t.Helper()
	r.do(func() (err error) {
		e, err = r.dp.Explain(ifindex, frame)
		return err
	})
	return e
}

// TestExplainTellsWhatLeaves compares its output with what server1 gets of the
// same frame.
func TestExplainTellsWhatLeaves(t *testing.T) {
	rng := testkit.Rand(t)
	r := newRouter(t, Native)
	r.state.MSS = []MSSRule{{MSS: 1111}}
	r.apply(r.state)
	server, err := r.Host("server1").Interface("eth0")
	if err != nil {
		t.Fatal(err)
	}
	capture, err := wire.NewCapture(r.Host("server1"), "eth0", func(f []byte) bool { return bytes.HasPrefix(f, server.MAC) })
	if err != nil {
		t.Fatal(err)
	}
	defer capture.Close()
	w := newWires(t, r)
	eth0, eth1 := r.state.Ports[0].Ifindex, r.state.Ports[1].Ifindex
	for range 50 {
		frame := randomForwarded(rng, r)
		kept := bytes.Clone(frame)
		e := r.explain(eth0, frame)
		if !bytes.Equal(frame, kept) {
			t.Fatal("Explain changed the frame it was given")
		}
		if e.Verdict != "redirect" || e.Reason != Forward || e.Ingress != eth0 || e.Egress != eth1 || e.NextHop != MAC(server.MAC) {
			t.Fatalf("%+v", e)
		}
		if err := w.senders["eth0"].Send(frame); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		got, err := capture.Next(ctx)
		cancel()
		if err != nil || len(got) != 1 {
			t.Fatalf("%d frames came: %v", len(got), err)
		}
		if diff := testkit.Diff(e.Output, got[0]); diff != "" {
			t.Fatalf("Explain's output is what is wanted:\n%s", diff)
		}
	}
}

func randomForwarded(rng *rand.Rand, r *router) []byte {
	to := topo.DemoServer14
	if coin(rng) {
		to = topo.DemoServer16
	}
	f := r.fromClient(to).TTL(uint8(2 + rng.IntN(254))).TOS(uint8(rng.UintN(256)))
	if coin(rng) {
		return f.UDP(uint16(rng.Uint32()), 9).Payload(rng.IntN(1300)).Bytes()
	}
	return f.TCP(1, 9, testkit.SYN).TCPOptions(2, 4, byte(1+rng.IntN(8)), 1).Payload(rng.IntN(100)).Trailer(rng.IntN(30)).Bytes()
}

// Explain counts nowhere: neither where it runs nor where the frame would go.
func TestExplainDisturbsNoCounter(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	before := r.stats()
	for range 100 {
		r.explain(r.state.Ports[0].Ifindex, r.toServer1().UDP(1, 9).Bytes())
		r.explain(r.state.Ports[0].Ifindex, r.toServer1().TTL(1).UDP(1, 9).Bytes())
	}
	for i, p := range r.stats().Ports {
		for _, reason := range Reasons() {
			// Hosts of the lab speak by themselves, but to multicast MACs only.
			if reason.String() != "pass_not_ours" && p.Reasons[reason] != before.Ports[i].Reasons[reason] {
				t.Errorf("%s %v: %+v, was %+v", p.Name, reason, p.Reasons[reason], before.Ports[i].Reasons[reason])
			}
		}
	}
}

// What is applied is explained from then on.
func TestExplainFollowsApply(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	frame, eth0 := r.toServer1().UDP(1, 9).Bytes(), r.state.Ports[0].Ifindex
	want := func(reason string, stages ...string) {
		t.Helper()
		e := r.explain(eth0, frame)
		var names []string
		for _, s := range e.Stages {
			names = append(names, s.Name)
		}
		if e.Reason.String() != reason || !slices.Equal(names, stages) {
			t.Errorf("%v by %v, want %s by %v", e.Reason, names, reason, stages)
		}
	}
	want("forward", "parse", "own", "punt", "balance", "admit", "route", "finalize")
	s := r.state
	s.Options.DryRun = true
	r.apply(s)
	want("dry_run", "parse", "own", "punt", "balance", "admit", "route")
	s.Options.Policy4 = true
	s.Limits.Ifindex = 1000 // another generation
	r.apply(s)
	want("pass_policy", "parse", "own", "punt", "balance", "admit")
	s.Classes = nil
	r.apply(s)
	want("pass_no_match", "parse", "own", "punt", "balance", "admit")
	s.L3 = nil
	r.apply(s)
	want("pass_not_ours", "parse", "own")
}

func TestExplainOfGarbage(t *testing.T) {
	rng := testkit.Rand(t)
	r := newRouter(t, Native)
	r.apply(r.state)
	eth0 := r.state.Ports[0].Ifindex
	start := r.toServer1().TCP(1, 2, testkit.SYN).TCPOptions(2, 4, 5, 6).Payload(30).Bytes()
	r.do(func() error {
		for range 3000 {
			frame := make([]byte, rng.IntN(200))
			for i := range frame {
				frame[i] = byte(rng.Uint32())
			}
			copy(frame, start[:rng.IntN(len(start))])
			e, err := r.dp.Explain(eth0, frame)
			switch {
			case len(frame) < 14:
				if err == nil || !strings.Contains(err.Error(), "Ethernet header") {
					return fmt.Errorf("%x: %w", frame, err)
				}
			case err != nil:
				return fmt.Errorf("%x: %w", frame, err)
			case e.Verdict != e.Reason.Verdict() || len(e.Stages) == 0:
				return fmt.Errorf("%x: %+v", frame, e)
			case (e.Output != nil) != (e.Reason == Forward):
				return fmt.Errorf("%x: output %x for %v", frame, e.Output, e.Reason)
			}
		}
		return nil
	})
	for _, row := range []struct {
		name    string
		ifindex int
		frame   []byte
		want    string
	}{
		{"no port", 999, start, "999 is not a port"},
		{"beyond the map", 1 << 20, start, "is not a port"},
		{"negative", -1, start, "is not a port"},
		{"far too long", eth0, make([]byte, 1<<20), "running the twin"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r.do(func() error {
				if _, err := r.dp.Explain(row.ifindex, row.frame); err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("%v, want %q in it", err, row.want)
				}
				return nil
			})
		})
	}
}

// Another process reads and explains while one applies: changes, new generations
// and restarts.
func TestReadersBesideTheWriter(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	w := newWires(t, r)
	sent := w.send("eth2", 7)
	r.counted("eth2", "pass_not_ip", sent)
	var done atomic.Bool
	var reads, generations atomic.Int64
	wait := r.Host("router").Go(func() error {
		reader, err := OpenReadOnly(r.bpffs)
		if err != nil {
			return err
		}
		defer reader.Close()
		last := 0
		for frame := r.toServer1().UDP(1, 9).Bytes(); !done.Load(); reads.Add(1) {
			s, err := reader.Stats()
			if err != nil {
				return err
			}
			for _, p := range s.Ports {
				if p.Name == "eth2" && p.Reasons[mustReason("pass_not_ip")].Packets != sent {
					t.Errorf("generation %d: %+v", s.Generation, p)
				}
			}
			if s.Generation != last {
				last = s.Generation
				generations.Add(1)
			}
			e, err := reader.Explain(r.state.Ports[0].Ifindex, frame)
			if err != nil {
				return err
			}
			if e.Reason != Forward {
				t.Errorf("%+v", e)
			}
		}
		_, err = reader.Apply(context.Background(), r.state)
		if err != ErrReadOnly {
			t.Errorf("Apply of a reader: %v", err)
		}
		return nil
	})
	for i := range 12 {
		s := r.state
		s.Limits.Interfaces = 10 + i%3
		s.Options.Hairpin = i%2 == 0
		if i%5 == 4 {
			r.restart()
		}
		r.apply(s)
	}
	done.Store(true)
	if err := wait(); err != nil {
		t.Error(err)
	}
	if reads.Load() < 5 || generations.Load() < 3 {
		t.Errorf("%d reads of %d generations: the test shows nothing", reads.Load(), generations.Load())
	}
}

func mustReason(name string) Reason {
	reason, ok := ParseReason(name)
	if !ok {
		panic(name)
	}
	return reason
}

func TestExplainOfAnotherBuild(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	r.forge(func(m *manifest) { m.Object, m.Version = "another", "9.9" })
	r.do(func() error {
		_, err := r.dp.Explain(r.state.Ports[0].Ifindex, r.toServer1().Bytes())
		if err == nil || !strings.Contains(err.Error(), "9.9") {
			t.Errorf("%v", err)
		}
		return nil
	})
	r.apply(r.state)
	if e := r.explain(r.state.Ports[0].Ifindex, r.toServer1().UDP(1, 9).Bytes()); e.Reason != Forward {
		t.Errorf("%+v", e)
	}
}

func TestNothingAfterClose(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	if err := r.dp.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.dp.Close(); err != nil {
		t.Errorf("once more: %v", err)
	}
	if _, err := r.tryApply(r.state); err != ErrReadOnly {
		t.Errorf("Apply: %v", err)
	}
	if _, err := r.dp.Stats(); err != ErrNotLoaded {
		t.Errorf("Stats: %v", err)
	}
	if _, err := r.dp.Explain(1, make([]byte, 60)); err != ErrNotLoaded {
		t.Errorf("Explain: %v", err)
	}
}
