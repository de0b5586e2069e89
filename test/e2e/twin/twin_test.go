// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

const (
	framesPerState = 3000
	framesPerBatch = 250 // below the 256 that a veth's ring holds
	defaultStates  = 20  // of both modes together; CLEARWAY_FRAMES asks for more
	quiet          = 3 * time.Millisecond
)

// patience is how long to wait, again and again, where something is missing: a
// busy machine may take its time.
var patience = []time.Duration{quiet, 50 * time.Millisecond, 200 * time.Millisecond, time.Second, 3 * time.Second}

// TestTwin sends random frames through routers in random states, with Clearway
// and without.
func TestTwin(t *testing.T) {
	seed := testkit.Seed(t)
	runScenarios(t, seed, defaultStates, plainScenario)
}

// runScenarios checks scenarios of both modes in turn, made by make. All frames
// together must have met most of the reasons.
func runScenarios(t *testing.T, seed int64, states int, make func(*rand.Rand, dataplane.Mode) *scenario) {
	if env := os.Getenv("CLEARWAY_FRAMES"); env != "" {
		frames, err := strconv.Atoi(env)
		if err != nil {
			t.Fatalf("CLEARWAY_FRAMES: %v", err)
		}
		states = max(2, frames/framesPerState)
	}
	seen := map[dataplane.Reason]int{}
	for i := range states {
		mode := []dataplane.Mode{dataplane.Native, dataplane.Generic}[i%2]
		t.Run(fmt.Sprintf("%d_%s", i, mode), func(t *testing.T) {
			r := testkit.NewRand(seed + int64(i))
			run(t, generator{Rand: r, scenario: make(r, mode)}, seen)
		})
	}
	total := 0
	for _, n := range seen {
		total += n
	}
	t.Logf("%d frames: %v", total, seen)
	if 10*seen[dataplane.Forward] < total {
		t.Errorf("%d of %d frames were forwarded: too few to mean something", seen[dataplane.Forward], total)
	}
}

// run sends frames through both sides of a scenario.
func run(t *testing.T, g generator, seen map[dataplane.Reason]int) {
	plain, fast := newSide(t, g.scenario), newSide(t, g.scenario)
	cw := newClearway(t, fast.router, g.scenario)
	p := &pair{t: t, s: g.scenario, plain: plain, fast: fast, cw: cw}
	p.settle()
	before := cw.counts()
	told := map[dataplane.Reason]uint64{}
	for first := 1; first <= framesPerState && !t.Failed(); first += framesPerBatch {
		p.check(g.frames(framesPerBatch, first), first, told)
	}
	if problems := p.settle().emissions(); len(problems) > 0 {
		t.Errorf("after all frames were sent: %s", strings.Join(problems, "\n\n"))
	}
	for reason, n := range told {
		seen[reason] += int(n)
	}
	checkCounts(t, g.scenario, before, cw.counts(), told)
	if t.Failed() {
		t.Logf("drops with Clearway:\n%sand without:\n%s", fast.drops(), plain.drops())
		t.Logf("the kernel's state: %s", g.describe())
	}
}

// checkCounts: the counters say what was explained. In generic mode there may
// be more that is not IP: what the router itself says to all on a link comes
// back through XDP, without an Ethernet header (dev_loopback_xmit).
func checkCounts(t *testing.T, s *scenario, before, after counts, told map[dataplane.Reason]uint64) {
	t.Helper()
	for _, reason := range dataplane.Reasons() {
		n := after.reasons[reason] - before.reasons[reason]
		echo := s.mode == dataplane.Generic && reason.String() == "pass_not_ip" && n > told[reason]
		if n != told[reason] && !echo {
			t.Errorf("%s: %d frames were counted, %d explained", reason, n, told[reason])
		}
	}
	if lost := after.lost - before.lost; lost != 0 {
		t.Errorf("%d frames were lost after they were emitted", lost)
	}
}

// pair is both labs.
type pair struct {
	t           *testing.T
	s           *scenario
	plain, fast *side
	cw          *clearway
}

// settle returns what the labs say of their own accord.
func (p *pair) settle() *batch {
	p.t.Helper()
	const long = 50 * time.Millisecond
	b := &batch{s: p.s}
	var err error
	if b.plain, b.fast, b.stack, err = p.listen(long); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// listen listens to all at the same time.
func (p *pair) listen(quiet time.Duration) (plain, fast, stack []frame, err error) {
	var g errgroup.Group
	g.Go(func() (err error) { plain, err = p.plain.listen(quiet); return err })
	g.Go(func() (err error) { fast, err = p.fast.listen(quiet); return err })
	g.Go(func() (err error) { stack, err = p.cw.heard(quiet); return err })
	return plain, fast, stack, g.Wait()
}

// check sends frames through both sides and compares. What forward.block names
// goes through Clearway alone, which must swallow it.
func (p *pair) check(frames []frame, first int, told map[dataplane.Reason]uint64) {
	p.t.Helper()
	because := p.cw.explain(frames)
	b := &batch{s: p.s, first: first}
	var blocked []frame
	for i, e := range because {
		if e != nil {
			told[e.Reason]++
		}
		if e != nil && e.Reason.String() == "drop_blocked" {
			blocked = append(blocked, frames[i])
			frames[i] = frame{} // its number stays
			continue
		}
	}
	b.sent, b.because = frames, because
	p.exchange(b, sendable(frames))
	if len(blocked) > 0 {
		p.swallow(blocked)
	}
}

func sendable(frames []frame) []frame {
	return slices.DeleteFunc(slices.Clone(frames), func(f frame) bool { return f.port == "" })
}

func (p *pair) exchange(b *batch, frames []frame) {
	p.t.Helper()
	if err := p.plain.send(frames); err != nil {
		p.t.Fatal(err)
	}
	if err := p.fast.send(frames); err != nil {
		p.t.Fatal(err)
	}
	var problems []string
	for _, wait := range patience {
		plain, fast, stack, err := p.listen(wait)
		if err != nil {
			p.t.Fatal(err)
		}
		b.plain, b.fast, b.stack = append(b.plain, plain...), append(b.fast, fast...), append(b.stack, stack...)
		if problems = b.problems(); len(problems) == 0 {
			return
		}
	}
	p.t.Error(strings.Join(problems, "\n\n"))
}

func (p *pair) swallow(frames []frame) {
	p.t.Helper()
	if err := p.fast.send(frames); err != nil {
		p.t.Fatal(err)
	}
	out, err := p.fast.listen(quiet)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range out {
		if _, ok := p.s.normal(f); ok {
			p.t.Errorf("of blocked frames, %s emits %x", f.port, f.bytes)
		}
	}
}

// describe lists the scenario for a reader.
func (s *scenario) describe() string {
	var b strings.Builder
	for _, l := range s.topology.L3 {
		fmt.Fprintf(&b, "\n%+v", l)
	}
	for _, r := range s.routes {
		fmt.Fprintf(&b, "\nroute %+v", r)
	}
	for _, r := range s.rules {
		fmt.Fprintf(&b, "\nrule %+v", r)
	}
	fmt.Fprintf(&b, "\n%v\ndown %v\n%s", s.sysctls, s.down, s.config())
	return b.String()
}
