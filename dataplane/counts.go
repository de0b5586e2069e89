// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// counts are the maps that a generation counts in.
type counts struct {
	counters *ebpf.Map
	lost     *ebpf.Map // nil where the kernel has no type information
}

// totals are the sums over all CPUs of what one port counted.
type totals struct {
	Received Counter            `json:"received"`
	Reasons  map[string]Counter `json:"reasons,omitempty"` // by text: numbers change between builds
	Lost     uint64             `json:"lost,omitempty"`
}

// openCounts opens the pinned maps of a generation.
func openCounts(r root, number int) (*counts, error) {
	counters, err := ebpf.LoadPinnedMap(r.mapPin(number, "counters"), nil)
	if err != nil {
		return nil, advise("opening the counters", err)
	}
	lost, err := ebpf.LoadPinnedMap(r.mapPin(number, "lost"), nil)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		counters.Close()
		return nil, advise("opening the counters", err)
	}
	return &counts{counters, lost}, nil
}

// newCounts are those of a new generation. It attaches the tracepoint programs
// in place of the former ones, so that no loss is counted twice.
func newCounts(r root, g *generation, former *counts, shared bool, log *slog.Logger) (*counts, error) {
	counters, err := g.maps("counters").Clone()
	if err != nil {
		return nil, fmt.Errorf("opening the counters: %w", err)
	}
	c := &counts{counters: counters}
	var reuse *ebpf.Map
	if shared {
		reuse = former.lost
	}
	if c.lost, err = traceLost(r, g, reuse); err != nil {
		log.Warn("packets lost after they were sent on are not counted", "error", err)
	}
	return c, nil
}

func (c *counts) close() {
	c.counters.Close()
	if c.lost != nil {
		c.lost.Close()
	}
}

// traceLost loads the tracepoint programs for a generation and returns the map
// they count in.
func traceLost(r root, g *generation, reuse *ebpf.Map) (*ebpf.Map, error) {
	spec, err := loadLost()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded object: %w", err)
	}
	here, err := netns()
	if err != nil {
		return nil, err
	}
	if err := spec.Variables["netns"].Set(here); err != nil {
		return nil, fmt.Errorf("setting constant netns: %w", err)
	}
	spec.Maps["ports"].MaxEntries = g.maps("ports").MaxEntries()
	spec.Maps["lost"].MaxEntries = g.maps("counters").MaxEntries()
	shared := map[string]*ebpf.Map{"ports": g.maps("ports")}
	if reuse != nil {
		shared["lost"] = reuse
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		return nil, advise("loading the tracepoint programs", err)
	}
	defer coll.Close()
	lost, err := coll.Maps["lost"].Clone()
	if err != nil {
		return nil, err
	}
	if err := pinLost(r, g.number, lost, coll, spec); err != nil {
		lost.Close()
		return nil, err
	}
	return lost, nil
}

func pinLost(r root, number int, lost *ebpf.Map, coll *ebpf.Collection, spec *ebpf.CollectionSpec) error {
	clone, err := lost.Clone()
	if err != nil {
		return err
	}
	defer clone.Close()
	if err := clone.Pin(r.mapPin(number, "lost")); err != nil {
		return advise("pinning map lost", err)
	}
	for name, p := range coll.Programs {
		tracepoint := strings.TrimPrefix(spec.Programs[name].SectionName, "raw_tp/")
		pin := filepath.Join(r.lost(), tracepoint)
		if err := os.Remove(pin); err != nil && !errors.Is(err, os.ErrNotExist) {
			return advise("removing "+pin, err)
		}
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: tracepoint, Program: p})
		if err != nil {
			return advise("attaching to tracepoint "+tracepoint, err)
		}
		err = l.Pin(pin)
		l.Close()
		if err != nil {
			return advise("pinning "+pin, err)
		}
	}
	return nil
}

// totals sums up every port that m knows, what it carried included.
func (c *counts) totals(m *manifest) (map[string]totals, error) {
	all := make(map[string]totals, len(m.Slots))
	for name, slot := range m.Slots {
		t, err := c.ofSlot(slot)
		if err != nil {
			return nil, err
		}
		t.add(m.Carried[name])
		all[name] = t
	}
	return all, nil
}

func (c *counts) ofSlot(slot uint32) (totals, error) {
	var perCPU []pipelinePortCounters
	if err := c.counters.Lookup(slot, &perCPU); err != nil {
		return totals{}, fmt.Errorf("reading the counters: %w", err)
	}
	t := totals{Reasons: map[string]Counter{}}
	for _, cpu := range perCPU {
		t.Received.add(Counter{cpu.Received.Packets, cpu.Received.Bytes})
		for i, r := range cpu.Reasons {
			if r.Packets != 0 {
				t.count(Reason(i).String(), Counter{r.Packets, r.Bytes})
			}
		}
	}
	if c.lost == nil {
		return t, nil
	}
	var lost []uint64
	if err := c.lost.Lookup(slot, &lost); err != nil {
		return totals{}, fmt.Errorf("reading the lost packets: %w", err)
	}
	for _, n := range lost {
		t.Lost += n
	}
	return t, nil
}

func (t *totals) count(reason string, c Counter) {
	sum := t.Reasons[reason]
	sum.add(c)
	t.Reasons[reason] = sum
}

func (t *totals) add(o totals) {
	t.Received.add(o.Received)
	t.Lost += o.Lost
	for reason, c := range o.Reasons {
		t.count(reason, c)
	}
}
