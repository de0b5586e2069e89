// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// reasons reads enum reason out of bpf/abi.h.
func reasons(t *testing.T) []string {
	t.Helper()
	abi, err := os.ReadFile("../../../bpf/abi.h")
	if err != nil {
		t.Fatal(err)
	}
	enum := regexp.MustCompile(`(?s)enum reason \{(.*?)\n\};`).FindSubmatch(abi)
	if enum == nil {
		t.Fatal("bpf/abi.h has no enum reason")
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\t([a-z]\w*),`).FindAllSubmatch(enum[1], -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// TestEveryReasonOccurs runs 50,000 random frames through the model: each
// reason that the model has must decide about some, and no other may.
func TestEveryReasonOccurs(t *testing.T) {
	r, topology := testkit.Rand(t), DefaultTopology()
	seen := map[string]int{}
	m := &Model{FIB: topology.FIB.Lookup}
	for i := range 50_000 {
		if i%250 == 0 {
			m.State, m.NoFinalize = GenState(r, topology), chance(r, 3)
		}
		port, frame := genAny(r, topology, &m.State)
		linear := len(frame)
		if chance(r, 5) {
			linear = r.IntN(linear)
		}
		before := bytes.Clone(frame)
		seen[m.RunSplit(port, frame, linear).Reason]++
		if !bytes.Equal(before, frame) {
			t.Fatalf("the model changed the frame %x", before)
		}
	}
	known := reasons(t)
	for _, reason := range known {
		t.Logf("%-22s %6d", reason, seen[reason])
		switch n := seen[reason]; {
		case Has(reason) && n < 5:
			t.Errorf("%s occurred %d times, want 5", reason, n)
		case !Has(reason) && n > 0:
			t.Errorf("%s occurred %d times, but the model doesn't have it", reason, n)
		}
		delete(seen, reason)
	}
	for _, reason := range notModelled {
		if !slices.Contains(known, reason) {
			t.Errorf("notModelled has %s, which bpf/abi.h doesn't", reason)
		}
	}
	if len(seen) != 0 {
		t.Errorf("reasons that bpf/abi.h doesn't have: %v", seen)
	}
}

// genAny is a frame to a service or of any other kind.
func genAny(r *rand.Rand, t *Topology, s *dataplane.State) (port int, frame []byte) {
	if len(s.Services) > 0 && chance(r, 40) {
		return GenServiceFrame(r, t, s)
	}
	return GenFrame(r, t)
}

// TestGeneratorsRepeat: the seed alone decides.
func TestGeneratorsRepeat(t *testing.T) {
	seed := testkit.Seed(t)
	a, b := testkit.NewRand(seed), testkit.NewRand(seed)
	ta, tb := DefaultTopology(), DefaultTopology()
	for range 100 {
		x, y := GenState(a, ta), GenState(b, tb)
		if len(x.Classes) != len(y.Classes) || len(x.MSS) != len(y.MSS) || len(x.Services) != len(y.Services) {
			t.Fatal("two states of one seed differ")
		}
		port, frame := genAny(a, ta, &x)
		port2, frame2 := genAny(b, tb, &y)
		if port != port2 || !bytes.Equal(frame, frame2) {
			t.Fatalf("two frames of one seed:\n%s", testkit.Diff(frame, frame2))
		}
	}
}

// FuzzRun: no frame makes the model panic, and what it sends is a sound packet
// whose IP header checksum is right.
func FuzzRun(f *testing.F) {
	topology := DefaultTopology()
	r := testkit.NewRand(1)
	for range 100 {
		s := GenState(r, topology)
		port, frame := genAny(r, topology, &s)
		f.Add(int64(port), port, len(frame), frame)
	}
	f.Fuzz(func(t *testing.T, seed int64, port, linear int, frame []byte) {
		m := &Model{State: GenState(testkit.NewRand(seed), topology), FIB: topology.FIB.Lookup}
		got := m.RunSplit(port, frame, linear)
		if got.Out == nil {
			return
		}
		at := 14
		if got.Out[12] == 0x81 {
			at = 18
		}
		if got.Out[at]>>4 == 4 && testkit.Checksum(got.Out[at:at+20]) != 0 {
			t.Errorf("wrong header checksum in %x", got.Out)
		}
		if len(got.Out) > len(frame)+4 && len(got.Out) > minimum && got.Reason == "forward" {
			t.Errorf("%d bytes grew to %d", len(frame), len(got.Out))
		}
	})
}
