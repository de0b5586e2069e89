// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// flowSets is a map whose records are in sets, as bpf/flows.h tells: the memory
// of the map itself. What is written there is seen by programs at once.
type flowSets []flowSet

type flowSet [len(pipelineFlowSet{}.Way)]flowWay

// flowWay is the key and the flow, struct flow_way, in words: programs write each
// at once. A flow that isn't of the key has another tag; 0 is none.
type flowWay [4]uint64

const flowTagMask = 0xfffe // FLOW_TAG_MASK in bpf/abi.h

// withFlowSets maps them into this process for as long as do takes.
func withFlowSets(m *ebpf.Map, do func(flowSets) error) error {
	sets, memory, err := mapArray[flowSet](m)
	if err != nil {
		return advise("mapping flow records", err)
	}
	err = do(sets)
	if undone := unix.Munmap(memory); undone != nil {
		err = errors.Join(err, fmt.Errorf("unmapping flow records: %w", undone))
	}
	return err
}

func (s flowSets) each(yield func(pipelineFlowKey, pipelineFlow)) error {
	for i := range s {
		for w := range s[i] {
			if key, f := s[i][w].read(); f.Backend != 0 {
				yield(key, f)
			}
		}
	}
	return nil
}

// prune judges each way by itself: two packets of a flow at once may have made two
// records, of which programs find the first only.
func (s flowSets) prune(dead func(pipelineFlowKey, pipelineFlow) bool) error {
	for i := range s {
		for w := range s[i] {
			way := &s[i][w]
			for key, f := way.read(); f.Backend != 0 && dead(key, f); key, f = way.read() {
				way.clear(f)
			}
		}
	}
	return nil
}

func (s flowSets) add(key pipelineFlowKey, f pipelineFlow) (full bool, err error) {
	s.of(key).add(key, f)
	return false, nil
}

// of is the set that a flow can be in.
func (s flowSets) of(key pipelineFlowKey) *flowSet {
	return &s[slotOf(uint32(recordHash(key)>>32), uint32(len(s)))]
}

func (s *flowSet) find(key pipelineFlowKey) (f pipelineFlow, found bool) {
	for w := range s {
		if there, f := s[w].read(); there == key && f.Backend != 0 {
			return f, true
		}
	}
	return f, false
}

// add gives up what is needed less, by the rule of programs.
func (s *flowSet) add(key pipelineFlowKey, f pipelineFlow) (room bool) {
	if _, found := s.find(key); found {
		return true
	}
	way := s.leastNeeded()
	if _, other := way.read(); needOf(other) >= needOf(f) {
		return false
	}
	f.Flags = f.Flags&^flowTagMask | flowTag(recordHash(key))
	way.write(key, f)
	return true
}

func (s *flowSet) leastNeeded() *flowWay {
	least, need := &s[0], ^uint32(0)
	for w := range s {
		if _, f := s[w].read(); needOf(f) < need {
			least, need = &s[w], needOf(f)
		}
	}
	return least
}

// needOf is need_of in bpf/flows.h.
func needOf(f pipelineFlow) uint32 {
	switch {
	case f.Backend == 0:
		return 0
	case f.Flags&flowConfirmed != 0:
		return f.Seen | 1<<31
	}
	return f.Seen + 1
}

// read reads what is there, with backend 0 where that is nothing, or the flow isn't
// of the key.
func (w *flowWay) read() (key pipelineFlowKey, f pipelineFlow) {
	f = flowOf(atomic.LoadUint64(&w[3]))
	if f.Backend == 0 {
		return key, f
	}
	key = flowKeyOf([3]uint64{atomic.LoadUint64(&w[0]), atomic.LoadUint64(&w[1]), atomic.LoadUint64(&w[2])})
	if f.Flags&flowTagMask != flowTag(recordHash(key)) {
		f = pipelineFlow{}
	}
	return key, f
}

func (w *flowWay) write(key pipelineFlowKey, f pipelineFlow) {
	for i, word := range flowKeyWords(key) {
		atomic.StoreUint64(&w[i], word)
	}
	atomic.StoreUint64(&w[3], flowWord(f))
}

// clear leaves alone what a program has written since f was read.
func (w *flowWay) clear(f pipelineFlow) { atomic.CompareAndSwapUint64(&w[3], flowWord(f), 0) }
