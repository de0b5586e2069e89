// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// counts are the maps that a generation counts in.
type counts struct {
	counters *ebpf.Map
	lost     *ebpf.Map
	reasons  []string // the order of counters
}

// totals are the sums over all CPUs of what one port counted.
type totals struct {
	Received Counter            `json:"received"`
	Reasons  map[string]Counter `json:"reasons,omitempty"` // by text: numbers change between builds
	Lost     uint64             `json:"lost,omitempty"`
}

// openCounts opens the pinned maps of a generation that counts these reasons.
func openCounts(r root, number int, reasons []string) (*counts, error) {
	counters, err := r.openMap(number, "counters")
	if err != nil {
		return nil, err
	}
	lost, err := r.openMap(number, "lost")
	if err != nil {
		counters.Close()
		return nil, err
	}
	return &counts{counters, lost, reasons}, nil
}

// newCounts are those of a new generation; lost is a map to use instead of a new
// one.
func newCounts(r root, g *generation, lost *ebpf.Map) (*counts, error) {
	counters, err := g.maps("counters").Clone()
	if err != nil {
		return nil, fmt.Errorf("opening the counters: %w", err)
	}
	if lost == nil {
		spec := &ebpf.MapSpec{Name: "lost", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: counters.MaxEntries()}
		lost, err = ebpf.NewMap(spec)
	} else {
		lost, err = lost.Clone()
	}
	if err != nil {
		counters.Close()
		return nil, advise("making map lost", err)
	}
	c := &counts{counters, lost, reasonNames()}
	if err := pinCopy(lost, r.mapPin(g.number, "lost")); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *counts) close() {
	c.counters.Close()
	c.lost.Close()
}

// traceLost loads the tracepoint programs of a generation and attaches them in
// place of the former ones, so that no loss is counted twice.
func traceLost(r root, g *generation, c *counts) error {
	spec, err := loadLost()
	if err != nil {
		return fmt.Errorf("reading the embedded object: %w", err)
	}
	here, err := netns()
	if err != nil {
		return err
	}
	if err := spec.Variables["netns"].Set(here); err != nil {
		return fmt.Errorf("setting constant netns: %w", err)
	}
	shared := map[string]*ebpf.Map{"ports": g.maps("ports"), "lost": c.lost}
	for name, m := range shared {
		spec.Maps[name].MaxEntries = m.MaxEntries()
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		return advise("loading the tracepoint programs", err)
	}
	defer coll.Close()
	for name, p := range coll.Programs {
		if err := attachTracepoint(r, strings.TrimPrefix(spec.Programs[name].SectionName, "raw_tp/"), p); err != nil {
			return err
		}
	}
	return nil
}

func attachTracepoint(r root, name string, p *ebpf.Program) error {
	pin := filepath.Join(r.lost(), name)
	if err := os.Remove(pin); err != nil && !errors.Is(err, os.ErrNotExist) {
		return advise("removing "+pin, err)
	}
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: p})
	if err != nil {
		return advise("attaching to tracepoint "+name, err)
	}
	defer l.Close()
	return wrap("pinning "+pin, l.Pin(pin))
}

// final sums up what was counted for each port, and before that, when no program
// counts here any more.
func (c *counts) final(slots numbering[string], before map[string]totals) (map[string]totals, error) {
	if err := gracePeriod(); err != nil {
		return nil, err
	}
	all := maps.Clone(before)
	if all == nil {
		all = map[string]totals{}
	}
	for name, slot := range slots {
		t, err := c.ofSlot(slot)
		if err != nil {
			return nil, err
		}
		if t.Received.Packets == 0 && t.Lost == 0 {
			continue
		}
		t.add(all[name])
		all[name] = t
	}
	return all, nil
}

// ofSlot sums up the per-CPU records of a port: struct port_counters, which is
// received and then the reasons, two 64-bit numbers each. Those of another build
// may be others.
func (c *counts) ofSlot(slot uint32) (totals, error) {
	raw, err := c.counters.LookupBytes(slot)
	if err != nil {
		return totals{}, fmt.Errorf("reading the counters: %w", err)
	}
	const bytes = 16
	record := bytes * (1 + len(c.reasons))
	if len(raw) == 0 || int(c.counters.ValueSize()) != record {
		return totals{}, fmt.Errorf("reading the counters: %d bytes a port, not the %d of %d reasons", c.counters.ValueSize(), record, len(c.reasons))
	}
	t := totals{Reasons: map[string]Counter{}}
	for at := 0; at < len(raw); at += bytes {
		n := Counter{binary.NativeEndian.Uint64(raw[at:]), binary.NativeEndian.Uint64(raw[at+8:])}
		switch i := at % record / bytes; {
		case i == 0:
			t.Received.add(n)
		case n != Counter{}:
			t.count(c.reasons[i-1], n)
		}
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
