// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"math/rand/v2"
)

// flow is a connection. It has a home with each way of tracking, since they
// differ once one has broken it.
type flow struct {
	kind  kind
	began int32
	ends  int32
	heard int32        // its last packet
	home  [ways]uint16 // backend; 0: the connection is over
}

// kind is how a flow behaves.
type kind uint8

const (
	brief kind = iota // a page
	usual             // a session with some requests
	long              // a stream or web socket, with a sign of life twice a minute
	quiet             // a shell somebody left open
)

// traffic makes up flows. What happens to them doesn't change what comes next, so
// that all scenarios of a fleet have the same.
type traffic struct {
	rng   *rand.Rand
	quiet float64
	mean  float64 // seconds from one start to the next
	next  float64 // when the next one starts
}

func newTraffic(f fleet) *traffic {
	return &traffic{rng: rand.New(rand.NewPCG(f.seed, 1)), quiet: f.quiet, mean: float64(f.duration) / float64(f.flows)}
}

// starts returns how many flows start in a second.
func (t *traffic) starts(now int) (n int) {
	for ; t.next < float64(now+1); n++ {
		t.next += t.rng.ExpFloat64() * t.mean
	}
	return n
}

// flow returns a flow that starts now.
func (t *traffic) flow(now int) flow {
	f := flow{began: int32(now), heard: int32(now)}
	seconds := 0.0
	switch lot := t.rng.Float64(); {
	case lot < t.quiet:
		f.kind, seconds = quiet, 1200+6000*t.rng.Float64()
	case lot < 0.05:
		f.kind, seconds = long, min(7200, 600*math.Pow(1-t.rng.Float64(), -1/1.2)) // Pareto
	case lot < 0.30:
		f.kind, seconds = usual, min(1800, 60*math.Exp(t.rng.NormFloat64())) // log-normal
	default:
		f.kind, seconds = brief, 4*t.rng.ExpFloat64()
	}
	f.ends = int32(now) + 1 + int32(seconds)
	return f
}

// gap returns how long a flow is silent after a packet: at least 1, a second is
// what time is counted in.
func (t *traffic) gap(k kind) int {
	between := [...][2]int{brief: {1, 2}, usual: {1, 15}, long: {15, 45}, quiet: {300, 1200}}[k]
	return between[0] + t.rng.IntN(between[1]-between[0]+1)
}

// mix is a hash of two words, of which all bits are equally good.
func mix(a, b uint32) uint32 {
	x := uint64(a)<<32 | uint64(b)
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return uint32(x >> 32)
}
