// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

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
	n := int(m.MaxEntries())
	memory, err := unix.Mmap(m.FD(), 0, n*int(unsafe.Sizeof(flowSet{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return advise("mapping flow records", err)
	}
	err = do(unsafe.Slice((*flowSet)(unsafe.Pointer(&memory[0])), n))
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
// records, of which find knows the first only.
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

func (s flowSets) find(key pipelineFlowKey) (pipelineFlow, bool, error) {
	_, f := s.of(key).find(key)
	return f, f.Backend != 0, nil
}

// add gives up what is needed less, by the rule of programs.
func (s flowSets) add(key pipelineFlowKey, f pipelineFlow) (room bool, err error) {
	set := s.of(key)
	if _, there := set.find(key); there.Backend != 0 {
		return true, nil
	}
	way := set.leastNeeded()
	if _, other := way.read(); needOf(other) >= needOf(f) {
		return false, nil
	}
	f.Flags = f.Flags&^flowTagMask | flowTag(recordHash(key))
	way.write(key, f)
	return true, nil
}

// of is the set that a flow can be in.
func (s flowSets) of(key pipelineFlowKey) *flowSet {
	return &s[slotOf(uint32(recordHash(key)>>32), uint32(len(s)))]
}

// find finds a flow; backend 0: it isn't there.
func (s *flowSet) find(key pipelineFlowKey) (*flowWay, pipelineFlow) {
	for w := range s {
		if there, f := s[w].read(); there == key && f.Backend != 0 {
			return &s[w], f
		}
	}
	return nil, pipelineFlow{}
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
