// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"fmt"

	"github.com/cilium/ebpf"
)

// Runner runs frames through the programs of a data path by test runs. It must
// be used on a thread in the namespace of the ports, whose counters nothing
// else may move. It is exported to the tests that import the reference model:
// they can't be in this package, which the model imports.
type Runner struct {
	dp     *Dataplane
	counts map[string]pipelinePortCounters // by port, as last read
}

// NewRunner returns a runner for what is applied now.
func NewRunner(dp *Dataplane) *Runner {
	return &Runner{dp: dp, counts: map[string]pipelinePortCounters{}}
}

// Ran is what became of a frame.
type Ran struct {
	Verdict string
	Reason  string
	Out     []byte // the frame afterwards, whatever became of it
}

// Placed is where a frame lies when the program gets it.
type Placed struct {
	Meta   int // bytes of metadata, taken out of the room in front of it
	Linear int // bytes in the linear part, 0 = all
}

// CanSplit reports whether the kernel's test runs can put a part of a frame
// outside the linear part.
func CanSplit() bool { return atLeast(6, 18) }

// xdpMD is struct xdp_md, the context of a test run.
type xdpMD struct {
	Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32
}

// Live runs a frame through the live program as if it came in by a port, and
// finds the reason in the counters: received and one reason must have counted
// the frame, and nothing else may have moved. The kernel must be 5.14 or newer.
func (r *Runner) Live(ifindex int, frame []byte, at Placed) (Ran, error) {
	if err := r.read(nil); err != nil {
		return Ran{}, err
	}
	data := append(make([]byte, at.Meta), frame...)
	context := xdpMD{Data: uint32(at.Meta), DataEnd: uint32(len(data)), IngressIfindex: uint32(ifindex)}
	if at.Linear > 0 {
		context.DataEnd = uint32(at.Meta + at.Linear)
	}
	action, out, err := testRun(r.dp.gen.decide(), data, &context)
	if err != nil {
		return Ran{}, err
	}
	ran := Ran{Verdict: actionName(action), Out: out[min(at.Meta, len(out)):]}
	moved := map[string]pipelinePortCounters{}
	if err := r.read(moved); err != nil {
		return ran, err
	}
	ran.Reason, err = r.onlyReason(ifindex, len(frame), moved)
	return ran, err
}

// Twin runs a frame through the explain twin, with no counter of the live
// program moving.
func (r *Runner) Twin(ifindex int, frame []byte) (Explanation, Ran, error) {
	if err := r.read(nil); err != nil {
		return Explanation{}, Ran{}, err
	}
	before := bytes.Clone(frame)
	e, err := r.dp.Explain(ifindex, frame)
	if err != nil {
		return e, Ran{}, err
	}
	if !bytes.Equal(before, frame) {
		return e, Ran{}, fmt.Errorf("Explain changed the caller's frame")
	}
	// Once more for the bytes, which Explain gives only of forwarded frames.
	action, out, err := testRun(r.dp.twin.coll.Programs["decide"], frame, nil)
	if err != nil {
		return e, Ran{}, err
	}
	moved := map[string]pipelinePortCounters{}
	if err := r.read(moved); err == nil && len(moved) != 0 {
		return e, Ran{}, fmt.Errorf("the twin moved counters of the live program: %v", moved)
	}
	return e, Ran{actionName(action), e.Reason.String(), out}, nil
}

// testRun runs a program once; context may be nil.
func testRun(prog *ebpf.Program, data []byte, context *xdpMD) (action uint32, out []byte, err error) {
	// Growth is at most a tag and padding.
	options := &ebpf.RunOptions{Data: data, DataOut: make([]byte, len(data)+128), Repeat: 1}
	if context != nil {
		options.Context = context
	}
	action, err = prog.Run(options)
	return action, options.DataOut, err
}

func actionName(action uint32) string {
	names := []string{"aborted", "drop", "pass", "tx", "redirect"}
	if int(action) < len(names) {
		return names[action]
	}
	return fmt.Sprintf("action %d", action)
}

// read reads the counters of all ports; moved gets by how much they moved.
func (r *Runner) read(moved map[string]pipelinePortCounters) error {
	var perCPU []pipelinePortCounters
	for name, slot := range r.dp.manifest.Slots {
		if err := r.dp.counts.counters.Lookup(slot, &perCPU); err != nil {
			return err
		}
		var sum pipelinePortCounters
		for _, cpu := range perCPU {
			addCounters(&sum, &cpu, 1)
		}
		by := sum
		before := r.counts[name]
		addCounters(&by, &before, -1)
		if moved != nil && by != (pipelinePortCounters{}) {
			moved[name] = by
		}
		r.counts[name] = sum
	}
	return nil
}

// addCounters adds b to a, times factor.
func addCounters(a, b *pipelinePortCounters, factor int64) {
	a.Received.Packets += uint64(factor) * b.Received.Packets
	a.Received.Bytes += uint64(factor) * b.Received.Bytes
	for i := range a.Reasons {
		a.Reasons[i].Packets += uint64(factor) * b.Reasons[i].Packets
		a.Reasons[i].Bytes += uint64(factor) * b.Reasons[i].Bytes
	}
}

// onlyReason finds the reason of the one frame that the counters moved by.
func (r *Runner) onlyReason(ifindex, length int, moved map[string]pipelinePortCounters) (string, error) {
	for _, p := range r.dp.manifest.Ports {
		if p.Ifindex != ifindex || len(moved) != 1 {
			continue
		}
		by := moved[p.Name]
		var want pipelinePortCounters
		want.Received.Packets, want.Received.Bytes = 1, uint64(length)
		for i := range by.Reasons {
			want.Reasons[i] = want.Received
			if by == want {
				return Reason(i).String(), nil
			}
			want.Reasons[i] = pipelinePortCounters{}.Reasons[i]
		}
	}
	return "", fmt.Errorf("counters must move by one frame of %d bytes on interface %d, received and one reason; they moved by %v", length, ifindex, moved)
}
