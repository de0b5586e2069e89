// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"clearway/internal/testkit"
)

// alwaysRouter has service web track always, in so many sets.
func alwaysRouter(t *testing.T, sets int) *timedRouter {
	testkit.RequireKernel(t, "5.14", "a test run that is told its interface")
	r := newTimedRouter(t)
	r.state = r.one(func(s *Service) { s.Tracking = TrackAlways })
	r.state.Limits.Flows = sets
	r.apply(r.state)
	return r
}

// arrive has the live program decide about a packet of a flow.
func (r *timedRouter) arrive(service string, f flowID, x shot) {
	r.t.Helper()
	i := slices.IndexFunc(r.state.Services, func(s Service) bool { return s.Name == service })
	frame := shotFrame(r.state.Services[i], f, x, r.state.L3[0].MAC)
	context := xdpMD{DataEnd: uint32(len(frame)), IngressIfindex: uint32(r.state.Ports[0].Ifindex)}
	r.do(func() error {
		_, _, err := testRun(r.dp.gen.decide(), frame, &context)
		return err
	})
}

// webFlow is a flow of service web; keyOf its key.
func webFlow(n int) flowID {
	return flowID{netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), uint16(1000 + n), 80}
}

func (r *timedRouter) keyOf(service string, f flowID) pipelineFlowKey {
	one := r.dp.gen.image.registry.services[service]
	return f.wire(one.record.Id, one.Affinity)
}

// ways are those of the first set, also what is nobody's.
func (r *timedRouter) ways() (ways flowSet) {
	r.t.Helper()
	if err := withFlowSets(r.dp.gen.maps("flows_lru"), func(s flowSets) error { ways = s[0]; return nil }); err != nil {
		r.t.Fatal(err)
	}
	return ways
}

// setWay writes a way of the first set.
func (r *timedRouter) setWay(w int, key pipelineFlowKey, f pipelineFlow) {
	r.t.Helper()
	err := withFlowSets(r.dp.gen.maps("flows_lru"), func(s flowSets) error { s[0][w].write(key, f); return nil })
	if err != nil {
		r.t.Fatal(err)
	}
}

// told is the set as a line: the flow of each way by its number, a start with a
// question mark, nothing as a dash.
func (r *timedRouter) told(flows int) (line string) {
	r.t.Helper()
	numbers := map[pipelineFlowKey]int{}
	for n := range flows {
		numbers[r.keyOf("web", webFlow(n))] = n
	}
	set := r.ways()
	for w := range set {
		key, f := set[w].read()
		switch n, known := numbers[key]; {
		case f.Backend == 0:
			line += " -"
		case !known:
			line += fmt.Sprintf(" %+v", key)
		case f.Flags&flowConfirmed == 0:
			line += fmt.Sprintf(" %d?", n)
		default:
			line += fmt.Sprintf(" %d", n)
		}
	}
	return line[1:]
}

// seconds has packets arrive of flows from..to, one a second, each of another.
func (r *timedRouter) seconds(x shot, from, to int) {
	r.t.Helper()
	for n := from; n <= to; n++ {
		r.now += time.Second
		if err := r.dp.gen.writeClock(r.now); err != nil {
			r.t.Fatal(err)
		}
		r.arrive("web", webFlow(n), x)
	}
}

// TestAlways: which record makes room in a set, by the live program.
func TestAlways(t *testing.T) {
	r := alwaysRouter(t, 1)
	for _, row := range []struct {
		name string
		do   func(r *timedRouter)
		want string
	}{
		{"four flows", func(r *timedRouter) { r.seconds(shotData, 1, 4) }, "1 2 3 4"},
		{"four starts", func(r *timedRouter) { r.seconds(shotSYN, 1, 4) }, "1? 2? 3? 4?"},
		{"starts that are followed", func(r *timedRouter) { r.seconds(shotSYN, 1, 4); r.seconds(shotData, 2, 3) }, "1? 2 3 4?"},
		{"flows again", func(r *timedRouter) { r.seconds(shotData, 1, 4); r.seconds(shotData, 1, 4) }, "1 2 3 4"},
		{"a start of a flow that was confirmed", func(r *timedRouter) { r.seconds(shotData, 1, 4); r.seconds(shotSYN, 2, 2) }, "1 2 3 4"},
		{"nothing is recorded for a reset or an ICMP error", func(r *timedRouter) { r.seconds(shotRST, 1, 1); r.seconds(shotError, 2, 2) }, "- - - -"},
		{"the oldest start makes room", func(r *timedRouter) { r.seconds(shotSYN, 1, 4); r.seconds(shotSYN, 5, 6) }, "5? 6? 3? 4?"},
		{"a start makes room before a flow", func(r *timedRouter) {
			r.seconds(shotData, 1, 2)
			r.seconds(shotSYN, 3, 4)
			r.seconds(shotData, 5, 5)
		}, "1 2 5 4?"},
		{"the flow seen least lately makes room", func(r *timedRouter) { r.seconds(shotData, 1, 4); r.seconds(shotData, 5, 6) }, "5 6 3 4"},
		{"one that was seen again since stays", func(r *timedRouter) {
			r.seconds(shotData, 1, 4)
			r.now += refreshAfter
			r.seconds(shotData, 1, 1)
			r.seconds(shotData, 5, 5)
		}, "1 5 3 4"},
		{"a flood finds room among starts", func(r *timedRouter) { r.seconds(shotData, 1, 3); r.seconds(shotSYN, 100, 199) }, "1 2 3 199?"},
		{"a flood in a full set", func(r *timedRouter) { r.seconds(shotData, 1, 4); r.seconds(shotSYN, 100, 199) }, "1 2 3 4"},
	} {
		for w := range r.ways() {
			r.setWay(w, pipelineFlowKey{}, pipelineFlow{})
		}
		row.do(r)
		if got := r.told(200); got != row.want {
			t.Errorf("%s: the set has %s, want %s", row.name, got, row.want)
		}
	}
}

// TestAlwaysInPlace: a flow whose record doesn't hold has one record still, in the
// way that it had.
func TestAlwaysInPlace(t *testing.T) {
	dies := func(b *Backend) { b.Alive, b.Accept = false, false }
	drains := func(b *Backend) { b.Accept, b.State = false, Draining }
	for _, row := range []struct {
		name   string
		change func(*Backend)
		then   shot
		moves  bool
		want   string
	}{
		{"dead backend", dies, shotData, true, "1 2 3 4"},
		{"dead backend, anew", dies, shotSYN, true, "1 2 3? 4"},
		{"draining backend", drains, shotData, false, "1 2 3 4"},
		{"draining backend, anew", drains, shotSYN, true, "1 2 3? 4"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := alwaysRouter(t, 1)
			r.seconds(shotData, 1, 4)
			before := r.ways()
			was := flowOf(before[2][3]).Backend
			r.apply(changedService(r.state, "web", func(s *Service) {
				for i := range s.Backends {
					if r.index("web", s.Backends[i].Address.String()) == was {
						row.change(&s.Backends[i])
					}
				}
			}))
			r.seconds(row.then, 3, 3)
			if got := r.told(5); got != row.want {
				t.Errorf("the set has %s, want %s", got, row.want)
			}
			after := r.ways()
			if is := flowOf(after[2][3]).Backend; (is != was) != row.moves {
				t.Errorf("backend %d became %d", was, is)
			}
			before[2][3] = after[2][3]
			if before != after {
				t.Errorf("what else is in the set was\n%x, is\n%x", before, after)
			}
		})
	}
}

// TestAlwaysAnotherTag: programs leave alone what isn't of the key, and use it for
// nothing but room.
func TestAlwaysAnotherTag(t *testing.T) {
	r := alwaysRouter(t, 1)
	key := r.keyOf("web", webFlow(1))
	_, slot := r.dp.gen.image.registry.services["web"].slotOf(key)
	other := pipelineFlow{Backend: slot.Cur()%3 + 1, Flags: flowConfirmed | flowTag(recordHash(key)) ^ flowTagMask, Seen: uint32(r.now / time.Second)}
	r.setWay(1, key, other)
	r.seconds(shotData, 1, 1)
	set := r.ways()
	if got := r.told(2); got != "1 - - -" || flowOf(set[0][3]).Backend != slot.Cur() {
		t.Errorf("the set has %s, backend %d, want that of the slot, %d", got, flowOf(set[0][3]).Backend, slot.Cur())
	}
	if set[1][3] != flowWord(other) {
		t.Errorf("the flow of another key became %x", set[1][3])
	}
	r.seconds(shotData, 2, 4)
	if got := r.told(5); got != "1 4 2 3" {
		t.Errorf("later the set has %s", got)
	}
}

// TestAlwaysSameTag: the tag doesn't stand for the key.
func TestAlwaysSameTag(t *testing.T) {
	r := alwaysRouter(t, 1)
	key := r.keyOf("web", webFlow(1))
	_, slot := r.dp.gen.image.registry.services["web"].slotOf(key)
	for word := range flowKeyWords(key) {
		for w := range r.ways() {
			r.setWay(w, pipelineFlowKey{}, pipelineFlow{})
		}
		r.setWay(0, likeKey(key, word), pipelineFlow{Backend: slot.Cur()%3 + 1, Flags: flowConfirmed | flowTag(recordHash(key)), Seen: uint32(r.now / time.Second)})
		before := r.ways()
		r.seconds(shotData, 1, 1)
		after := r.ways()
		if got, f := after[1].read(); after[0] != before[0] || got != key || f.Backend != slot.Cur() {
			t.Errorf("beside a key that differs in word %d: %+v has backend %d, want %d; the other way became %x", word, got, f.Backend, slot.Cur(), after[0])
		}
	}
}

// TestAlwaysFound: programs and user space look for a record at the same place.
func TestAlwaysFound(t *testing.T) {
	rng := testkit.Rand(t)
	r := alwaysRouter(t, 1000)
	for i, affinity := range []Affinity{AffinityNone, AffinitySource} {
		for j, base := range []string{"203.0.113.20", "2001:db8::20"} {
			a := netip.MustParseAddr(base)
			for range i {
				a = a.Next()
			}
			s := aService(fmt.Sprintf("s%d%d", i, j), a.String(), []uint16{80}, "10.2.0.11", "10.2.0.12")
			s.Affinity, s.Tracking, s.Protocol = affinity, TrackAlways, []Protocol{TCP, UDP}[i]
			r.state.Services = append(r.state.Services, s)
		}
	}
	r.apply(r.state)
	for _, s := range r.state.Services {
		for range 100 {
			f := flowID{sourceFor(rng, s), uint16(1 + rng.IntN(65535)), 80}
			r.arrive(s.Name, f, shotData)
			key := r.keyOf(s.Name, f)
			_, slot := r.dp.gen.image.registry.services[s.Name].slotOf(key)
			want := pipelineFlow{Backend: slot.Cur(), Flags: flowConfirmed | flowTag(recordHash(key)), Seen: uint32(r.now / time.Second)}
			if got, found := r.findAlways(key); !found || got != want {
				t.Fatalf("%s, %v: %+v, %t, want %+v", s.Name, f, got, found, want)
			}
		}
	}
}

func (r *timedRouter) findAlways(key pipelineFlowKey) (pipelineFlow, bool) {
	r.t.Helper()
	f, found, err := findFlow(r.dp.gen.maps("flows_lru"), key)
	if err != nil {
		r.t.Fatal(err)
	}
	return f, found
}

func sourceFor(rng *rand.Rand, s Service) netip.Addr {
	b := [16]byte{0x20, 1}
	for i := 2; i < len(b); i++ {
		b[i] = byte(rng.Uint32())
	}
	if s.Address.Is6() {
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte{10, b[3], b[4], b[5]})
}
