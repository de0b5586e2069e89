// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Figures are differences, and rates of the time between.
func TestSince(t *testing.T) {
	begin := time.Now()
	before := reading{
		at: begin, packets: 100, bytes: 6000, turns: 10, drops: Drops{1, 2, 3, 4, 5}, calls: calls{1, 2, 3},
		user: time.Second, system: 2 * time.Second,
	}
	after := reading{
		at: begin.Add(2 * time.Second), packets: 1100, bytes: 106000, turns: 210, drops: Drops{11, 22, 33, 44, 55}, calls: calls{11, 22, 33},
		user: 3 * time.Second, system: 5 * time.Second,
	}
	want := Figures{
		Seconds: 2, Packets: 1000, Bytes: 100000, PPS: 500, Mbps: 0.4,
		Dropped: 10 + 20 + 40 + 50, Drops: Drops{10, 20, 30, 40, 50}, MeanBatch: 5,
		CPU: 5e9, User: 2e9, System: 3e9, Syscalls: 60, Kicks: 10, Wakeups: 20, Waits: 30,
	}
	if diff := cmp.Diff(want, after.since(before)); diff != "" {
		t.Error(diff)
	}
}

// The summary has the extremes of whole seconds, where there were any, and the
// loss of all that came.
func TestSummary(t *testing.T) {
	var s Summary
	for i, pps := range []float64{20, 10, 30} {
		s.count(Second{i + 1, Figures{PPS: pps}})
	}
	s.finish(Figures{Seconds: 3.5, PPS: 19, Packets: 75, Dropped: 25})
	if s.MinPPS != 10 || s.MaxPPS != 30 || s.Loss != 0.25 || s.Packets != 75 {
		t.Errorf("%+v", s)
	}
	s = Summary{}
	s.finish(Figures{Seconds: 0.5, PPS: 19})
	if s.MinPPS != 19 || s.MaxPPS != 19 || s.Loss != 0 {
		t.Errorf("%+v", s)
	}
}

// A sender may send what is due, never more than a turn has, and naps while
// nothing is.
func TestPace(t *testing.T) {
	unbounded := pace{}
	if n := unbounded.allow(64, 1<<40); n != 64 {
		t.Errorf("without a rate %d of 64", n)
	}
	p := pace{rate: 1}
	if n := p.allow(64, 0); n != 1 {
		t.Errorf("at first %d, want 1", n)
	}
	begin := time.Now()
	if n := p.allow(64, 1e6); n != 0 || time.Since(begin) < longestNap {
		t.Errorf("far ahead %d, want none after a nap; it took %v", n, time.Since(begin))
	}
	p.start = begin.Add(-1000 * time.Second)
	for sent, want := range map[uint64]int{0: 64, 1001 - 33: 33} {
		if n := p.allow(64, sent); n < want || n > want+31 {
			t.Errorf("after 1000 s and %d packets %d, want %d or a few more", sent, n, want)
		}
	}
}
