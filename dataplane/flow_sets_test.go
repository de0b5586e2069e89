// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"clearway/internal/testkit"
)

// setsModel is flowSets as one would tell it to somebody: ways in their order,
// empty ones nil.
type setsModel [][4]*modelRecord

type modelRecord struct {
	key  pipelineFlowKey
	flow pipelineFlow // without tag
}

func (m setsModel) of(key pipelineFlowKey) *[4]*modelRecord {
	return &m[recordHash(key)>>32*uint64(len(m))>>32]
}

func (m setsModel) find(key pipelineFlowKey) (f pipelineFlow, found bool) {
	for _, r := range m.of(key) {
		if r != nil && r.key == key {
			return r.flow, true
		}
	}
	return f, false
}

func (m setsModel) remove(key pipelineFlowKey) {
	for w, r := range m.of(key) {
		if r != nil && r.key == key {
			m.of(key)[w] = nil
		}
	}
}

func (m setsModel) add(key pipelineFlowKey, f pipelineFlow) (room bool) {
	if _, found := m.find(key); found {
		return true
	}
	set, least := m.of(key), 0
	for w := range set {
		if set[w].neededLess(set[least]) {
			least = w
		}
	}
	one := &modelRecord{key, f}
	if !set[least].neededLess(one) {
		return false
	}
	set[least] = one
	return true
}

// neededLess tells whether r makes room before other does.
func (r *modelRecord) neededLess(other *modelRecord) bool {
	switch {
	case r == nil || other == nil:
		return r == nil && other != nil
	case r.flow.Flags != other.flow.Flags:
		return r.flow.Flags == 0
	}
	return r.flow.Seen < other.flow.Seen
}

func (m setsModel) all() map[pipelineFlowKey]pipelineFlow {
	all := map[pipelineFlowKey]pipelineFlow{}
	for _, set := range m {
		for _, r := range set {
			if r != nil {
				all[r.key] = r.flow
			}
		}
	}
	return all
}

// likeKey is another key with the same tag, which differs in one word only.
func likeKey(key pipelineFlowKey, word int) pipelineFlowKey {
	words := flowKeyWords(key)
	for {
		words[word] += 1 << 32
		other := flowKeyOf(words)
		if flowTag(recordHash(other)) == flowTag(recordHash(key)) {
			return other
		}
	}
}

// someFlowKeys are keys of both families; that of the value zero is among them,
// and some with the tag of another.
func someFlowKeys(rng *rand.Rand, n int) []pipelineFlowKey {
	keys := make([]pipelineFlowKey, n)
	for i := 1; i < n; i++ {
		keys[i] = pipelineFlowKey{Service: 1 + rng.Uint32N(3), Ports: rng.Uint32N(4), Source: [4]uint32{rng.Uint32()}}
		if i%2 == 0 {
			keys[i].Source = [4]uint32{rng.Uint32N(2), rng.Uint32N(2), rng.Uint32(), rng.Uint32N(2)}
		}
		if i%3 == 0 {
			keys[i] = likeKey(keys[i-1], rng.IntN(3))
		}
	}
	return keys
}

// TestFlowSets compares sets with a model of them.
func TestFlowSets(t *testing.T) {
	rng := testkit.Rand(t)
	for _, n := range []int{1, 2, 3, 7} {
		sets, model, keys := make(flowSets, n), make(setsModel, n), someFlowKeys(rng, 8*n)
		refused := 0
		for range 5000 {
			key := keys[rng.IntN(len(keys))]
			if rng.IntN(4) == 0 {
				if err := sets.prune(func(k pipelineFlowKey, _ pipelineFlow) bool { return k == key }); err != nil {
					t.Fatal(err)
				}
				model.remove(key)
			} else {
				f := pipelineFlow{Backend: 1 + uint16(rng.UintN(1<<15-1)), Flags: uint16(rng.UintN(2)), Seen: rng.Uint32N(6)}
				tagged := f
				tagged.Flags |= uint16(rng.Uint32()) & flowTagMask // as read from elsewhere
				room := sets.of(key).add(key, tagged)
				if want := model.add(key, f); room != want {
					t.Fatalf("%d sets: adding %+v, %+v: room %t, want %t", n, key, f, room, want)
				}
				if !room {
					refused++
				}
			}
			compareSets(t, sets, model, keys)
		}
		if refused == 0 {
			t.Errorf("%d sets had room for everything: this shows too little", n)
		}
	}
}

func compareSets(t *testing.T, sets flowSets, model setsModel, keys []pipelineFlowKey) {
	t.Helper()
	all := map[pipelineFlowKey]pipelineFlow{}
	err := sets.each(func(key pipelineFlowKey, f pipelineFlow) {
		if _, twice := all[key]; twice {
			t.Fatalf("the flow of %+v comes up twice", key)
		}
		all[key] = untagged(f)
	})
	if diff := gocmp.Diff(model.all(), all); err != nil || diff != "" {
		t.Fatalf("%v; the records differ (-want):\n%s", err, diff)
	}
	for _, key := range keys {
		f, found := sets.of(key).find(key)
		if want, there := model.find(key); found != there || untagged(f) != want {
			t.Fatalf("finding %+v: %+v, %t, want %+v, %t", key, f, found, want, there)
		}
	}
}

func untagged(f pipelineFlow) pipelineFlow {
	f.Flags &^= flowTagMask
	return f
}

// TestFlowOfAnotherTag: a key and the flow of another are nobody's record, and
// their way is the first to be used.
func TestFlowOfAnotherTag(t *testing.T) {
	sets := make(flowSets, 1)
	keys := someFlowKeys(testkit.Rand(t), 6)
	for _, key := range keys[:4] {
		if !sets[0].add(key, pipelineFlow{Backend: 7, Flags: flowConfirmed, Seen: 50}) {
			t.Fatal("there is no room")
		}
	}
	lost, next := keys[2], keys[4]
	other := pipelineFlow{Backend: 9, Flags: flowConfirmed | flowTag(recordHash(lost)) ^ flowTagMask, Seen: 60}
	sets[0][2].write(lost, other)
	if f, found := sets[0].find(lost); found {
		t.Errorf("found with the flow of another: %+v", f)
	}
	sets.each(func(key pipelineFlowKey, f pipelineFlow) {
		if key == lost {
			t.Errorf("yielded with the flow of another: %+v", f)
		}
	})
	sets.prune(func(key pipelineFlowKey, _ pipelineFlow) bool {
		if key == lost {
			t.Errorf("judged with the flow of another")
		}
		return false
	})
	if !sets[0].add(next, pipelineFlow{Backend: 8, Seen: 1}) {
		t.Fatal("a start finds no room in a way of nobody's")
	}
	if key, f := sets[0][2].read(); key != next || f.Backend != 8 {
		t.Errorf("the way has %+v, %+v, want that of %+v", key, f, next)
	}
	if sets[0].add(keys[5], pipelineFlow{Backend: 8, Seen: 1}) {
		t.Error("there is room in a set that is full")
	}
}

// TestFlowWrittenSince: what programs have written since a record was judged stays,
// and is judged itself.
func TestFlowWrittenSince(t *testing.T) {
	key := pipelineFlowKey{Service: 1, Ports: 2, Source: [4]uint32{3}}
	read := pipelineFlow{Backend: 7, Flags: flowTag(recordHash(key)), Seen: 50}
	for name, change := range map[string]func(*pipelineFlow){
		"nothing":   func(*pipelineFlow) {},
		"backend":   func(f *pipelineFlow) { f.Backend = 8 },
		"confirmed": func(f *pipelineFlow) { f.Flags |= flowConfirmed },
		"seen":      func(f *pipelineFlow) { f.Seen++ },
	} {
		t.Run(name, func(t *testing.T) {
			sets, now := make(flowSets, 1), read
			change(&now)
			sets[0][0].write(key, read)
			var judged []pipelineFlow
			sets.prune(func(_ pipelineFlowKey, f pipelineFlow) bool {
				judged = append(judged, f)
				sets[0][0].write(key, now)
				return f == read
			})
			if f, found := sets[0].find(key); found != (now != read) || found && f != now {
				t.Errorf("there is %+v, %t", f, found)
			}
			if last := judged[len(judged)-1]; last != now || len(judged) > 2 {
				t.Errorf("judged were %+v", judged)
			}
		})
	}
}

// TestFlowTwice: of two records of a flow each is judged, also the one not found.
func TestFlowTwice(t *testing.T) {
	key := pipelineFlowKey{Service: 1, Ports: 2, Source: [4]uint32{3}}
	sets := make(flowSets, 1)
	first := pipelineFlow{Backend: 7, Flags: flowConfirmed | flowTag(recordHash(key)), Seen: 50}
	second := first
	second.Backend = 8
	sets[0][1].write(key, first)
	sets[0][3].write(key, second)
	sets.prune(func(_ pipelineFlowKey, f pipelineFlow) bool { return f.Backend == 8 })
	if f, _ := sets[0].find(key); f != first || sets[0][3][3] != 0 {
		t.Errorf("found is %+v, the other is %x", f, sets[0][3][3])
	}
}

// mixedFlowKeys are eight keys of which each word is one of two: words of two of
// them make another.
func mixedFlowKeys(t *testing.T) (keys []pipelineFlowKey) {
	tags := map[uint16]bool{}
	for i := range uint32(8) {
		key := pipelineFlowKey{Service: 1, Ports: 10 + i&1, Source: [4]uint32{20 + i>>1&1, 0, i >> 2 & 1}}
		keys = append(keys, key)
		tags[flowTag(recordHash(key))] = true
	}
	if len(tags) != len(keys) {
		t.Fatal("two of the keys have the same tag")
	}
	return keys
}

// TestFlowSetsAtOnce: whatever is done to a set at the same time, nobody is told
// the flow of another. Backend n is in flows of key n only.
func TestFlowSetsAtOnce(t *testing.T) {
	sets, keys := make(flowSets, 1), mixedFlowKeys(t)
	seed := testkit.Seed(t)
	numbers := map[pipelineFlowKey]uint16{}
	for i, key := range keys {
		numbers[key] = uint16(1 + i)
	}
	check := func(key pipelineFlowKey, f pipelineFlow) {
		if f.Backend != 0 && f.Backend != numbers[key] {
			t.Errorf("the flow of key %d is that of key %d", numbers[key], f.Backend)
		}
	}
	var done sync.WaitGroup
	for worker := range int64(4) {
		done.Go(func() {
			rng := testkit.NewRand(seed + worker)
			for range 200_000 {
				if t.Failed() {
					return
				}
				key := keys[rng.IntN(len(keys))]
				useSet(rng, sets, key, numbers[key], check)
			}
		})
	}
	done.Wait()
}

// useSet does one of the things that user space and programs do.
func useSet(rng *rand.Rand, sets flowSets, key pipelineFlowKey, number uint16, check func(pipelineFlowKey, pipelineFlow)) {
	set := sets.of(key)
	f := pipelineFlow{Backend: number, Flags: uint16(rng.UintN(2)), Seen: 1 + rng.Uint32N(4)}
	tagged := f
	tagged.Flags |= flowTag(recordHash(key))
	switch rng.IntN(6) {
	case 0:
		set.add(key, f)
	case 1: // as insert_way does it
		set.leastNeeded().write(key, tagged)
	case 2: // as keep does it: to where it was found
		for w := range set {
			if there, found := set[w].read(); there == key && found.Backend != 0 {
				check(key, found)
				atomic.StoreUint64(&set[w][3], flowWord(tagged))
				break
			}
		}
	case 3:
		sets.prune(func(k pipelineFlowKey, f pipelineFlow) bool { check(k, f); return k == key })
	case 4:
		found, _ := set.find(key)
		check(key, found)
	case 5:
		sets.each(check)
	}
}
