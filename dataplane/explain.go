// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/cilium/ebpf"
)

// Explanation is what the pipeline decides about one frame, and why.
type Explanation struct {
	Verdict         string // "pass", "drop", "redirect" (to an egress, or to a socket), "tx" (back out of the ingress) or "aborted"
	Reason          Reason
	Stages          []Stage // in order; the last one decided
	Ingress, Egress int     // L3 ifindexes, 0 where it did not come to that
	NextHop         MAC
	Service         string     // that the packet is for, by name; empty if for none
	Backend         netip.Addr // that it goes to
	Output          []byte     // the frame that would leave; nil if none does
}

// Stage is what one stage of the pipeline found.
type Stage struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// twin is the same programs once more. It shares the tables of the live
// generation, and has counters and scratch of its own.
type twin struct {
	coll *ebpf.Collection
}

// ownMaps are those that the twin does not share.
var ownMaps = map[string]bool{"counters": true, "scratches": true, "programs": true, ".data.trace": true, ".rodata": true,
	"service_counters": true, "backend_counters": true}

// Explain runs a frame that would come in by queue 0 of the port with this ifindex
// through a twin of the live programs, with the live tables. It disturbs nothing and
// counts nowhere. The frame is left alone.
func (d *Dataplane) Explain(ifindex int, frame []byte) (Explanation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.wantTwin(); err != nil {
		return Explanation{}, err
	}
	return d.twin.run(ifindex, frame)
}

func (d *Dataplane) wantTwin() (err error) {
	for range 3 { // a reader can meet the writer half way: see follow
		if err = d.follow(); err != nil || d.twin != nil {
			return err
		}
		if d.twin, err = newTwin(d.root, &d.manifest, true); !d.reader || !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return err
}

func (d *Dataplane) dropTwin() {
	if d.twin != nil {
		d.twin.coll.Close()
		d.twin = nil
	}
}

// newTwin loads one, with its notes switched on or, as the live programs are,
// without.
func newTwin(r root, m *manifest, notes bool) (*twin, error) {
	if m.Generation == 0 {
		return nil, ErrNotLoaded
	}
	if m.Object != objectHash() {
		return nil, fmt.Errorf("loading the twin: version %s loaded other programs than this one has: use that version, or restart the daemon with this one", m.Version)
	}
	spec, err := pipelineSpec(m.Sizes, notes)
	if err != nil {
		return nil, err
	}
	shared := map[string]*ebpf.Map{}
	defer func() {
		for _, m := range shared {
			m.Close()
		}
	}()
	for name := range spec.Maps {
		if ownMaps[name] || !notes && slices.Contains(flowMaps, name) { // those with notes record no flows
			continue
		}
		pinned, err := ebpf.LoadPinnedMap(r.mapPin(m.Generation, name), nil)
		if err != nil {
			return nil, advise("opening map "+name, err)
		}
		shared[name] = pinned
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		return nil, advise("loading the twin", err)
	}
	return &twin{coll}, nil
}

// run is not safe for concurrent use.
func (t *twin) run(ifindex int, frame []byte) (Explanation, error) {
	if len(frame) < 14 {
		return Explanation{}, fmt.Errorf("a frame of %d bytes is shorter than its Ethernet header", len(frame))
	}
	notes := t.coll.Maps[".data.trace"]
	start := pipelineTrace{Ingress: uint32(ifindex), Rpf: -1, Fib: -1, Reason: uint32(pipelineReasonREASONS)}
	if err := notes.Put(uint32(0), start); err != nil {
		return Explanation{}, fmt.Errorf("preparing the twin: %w", err)
	}
	out := make([]byte, len(frame)+256)
	options := &ebpf.RunOptions{Data: frame, DataOut: out, Repeat: 1}
	action, err := t.coll.Programs["decide"].Run(options)
	if err != nil {
		return Explanation{}, advise("running the twin", err)
	}
	var trace pipelineTrace
	if err := notes.Lookup(uint32(0), &trace); err != nil {
		return Explanation{}, fmt.Errorf("reading the twin's notes: %w", err)
	}
	if trace.Reason == uint32(pipelineReasonREASONS) {
		return Explanation{}, fmt.Errorf("interface %d is not a port of this data path", ifindex)
	}
	return explanation(action, trace, t.balanceNotes(trace), options.DataOut), nil
}

func explanation(action uint32, trace pipelineTrace, b balanceNotes, out []byte) Explanation {
	e := Explanation{Reason: Reason(trace.Reason), Ingress: int(trace.L3), Egress: int(trace.Egress), Service: b.service, Backend: b.backend}
	e.Verdict = map[uint32]string{1: "drop", 2: "pass", 3: "tx", 4: "redirect"}[action]
	if e.Verdict == "" {
		e.Verdict = "aborted"
	}
	if (e.Verdict == "redirect" || e.Verdict == "tx") && e.Reason != Punted {
		e.Output = out
	}
	if trace.Stage == uint32(len(stageOrder)-1) {
		e.NextHop = trace.Dmac
	}
	e.Stages = stageTexts(trace, b)
	return e
}
