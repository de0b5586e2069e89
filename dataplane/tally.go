// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf"
)

// sumsOf are the maps that no program knows, with what was counted in maps of
// other sizes before: one for each map of counters, with the same keys.
var sumsOf = map[string]string{"service_counters": "service_sums", "backend_counters": "backend_sums"}

// takeSums takes the sums out of the maps that a generation shares, and makes
// those that it does not.
func takeSums(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map) (map[string]*ebpf.Map, error) {
	sums := map[string]*ebpf.Map{}
	for counters, name := range sumsOf {
		var m *ebpf.Map
		var err error
		if former := shared[name]; former != nil {
			m, err = former.Clone()
		} else {
			of := spec.Maps[counters]
			m, err = ebpf.NewMap(&ebpf.MapSpec{Name: name, Type: ebpf.Array, KeySize: 4, ValueSize: of.ValueSize, MaxEntries: of.MaxEntries})
		}
		if err != nil {
			closeMaps(sums)
			return nil, advise("making map "+name, err)
		}
		delete(shared, name)
		sums[name] = m
	}
	return sums, nil
}

// tally is a map of counters of the balance lane with the sums of before. Its
// records are 64-bit numbers.
type tally struct{ counters, sums *ebpf.Map }

func (r root) openTally(generation int, counters string) (t tally, err error) {
	if t.counters, err = r.openMap(generation, counters); err != nil {
		return t, err
	}
	if t.sums, err = r.openMap(generation, sumsOf[counters]); err != nil {
		t.counters.Close()
	}
	return t, err
}

func (t tally) close() {
	t.counters.Close()
	t.sums.Close()
}

// counted sums up what all CPUs counted, without the sums of before.
func (t tally) counted(key uint32) ([]uint64, error) {
	raw, err := t.counters.LookupBytes(key)
	if err != nil {
		return nil, fmt.Errorf("reading the counters: %w", err)
	}
	total := make([]uint64, t.counters.ValueSize()/8)
	for at := 0; at+8 <= len(raw); at += 8 {
		total[at/8%len(total)] += binary.NativeEndian.Uint64(raw[at:])
	}
	return total, nil
}

// all is what has been counted at all.
func (t tally) all(key uint32) ([]uint64, error) {
	total, err := t.counted(key)
	if err != nil {
		return nil, err
	}
	return total, t.readSums(key, total)
}

// readSums adds the sums of before to a total.
func (t tally) readSums(key uint32, total []uint64) error {
	sums := make([]uint64, len(total))
	if err := t.sums.Lookup(key, sums); err != nil {
		return fmt.Errorf("reading the counters: %w", err)
	}
	for i, n := range sums {
		total[i] += n
	}
	return nil
}

// add adds to the sums of before.
func (t tally) add(key uint32, n []uint64) error {
	total := slices.Clone(n)
	if err := t.readSums(key, total); err != nil {
		return err
	}
	if err := t.sums.Put(key, total); err != nil {
		return fmt.Errorf("writing the counters: %w", err)
	}
	return nil
}

// addAll adds what another tally says of some keys. Those beyond its end are
// not in it.
func (t tally) addAll(keys []uint32, from func(uint32) ([]uint64, error)) error {
	for _, key := range keys {
		n, err := from(key)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if slices.Max(n) == 0 {
			continue
		}
		if err := t.add(key, n); err != nil {
			return err
		}
	}
	return nil
}

// keys are those under which the services of a registry are counted.
func (g *registry) keys(counters string) (keys []uint32) {
	if counters == "backend_counters" {
		return slices.Collect(g.counters)
	}
	for _, r := range g.services {
		keys = append(keys, r.record.Id)
	}
	return keys
}

// carryServices adds up what services and their backends counted in maps that
// next does not share. Nothing runs the former programs any more.
func (d *Dataplane) carryServices(next *successor, before former) error {
	if len(before.registry.services) == 0 {
		return nil
	}
	if err := gracePeriod(); err != nil {
		return err
	}
	for counters := range sumsOf {
		to := tally{next.gen.maps(counters), next.gen.maps(sumsOf[counters])}
		keys := next.image.registry.inherited(&before.registry).keys(counters)
		if !next.shares[counters] {
			if err := d.addTally(to, d.manifest.Generation, counters, keys, tally.all); err != nil {
				return err
			}
		}
		for _, tried := range d.manifest.Tried {
			if !slices.Contains(tried.Own, counters) {
				continue
			}
			err := d.addTally(to, tried.Generation, counters, keys, tally.counted)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return d.followFlows(next, before)
}

func (d *Dataplane) addTally(to tally, generation int, counters string, keys []uint32, read func(tally, uint32) ([]uint64, error)) error {
	from, err := d.root.openTally(generation, counters)
	if err != nil {
		return err
	}
	defer from.close()
	return to.addAll(keys, func(key uint32) ([]uint64, error) { return read(from, key) })
}

// inherited are the services of have that are still there.
func (g *registry) inherited(have *registry) *registry {
	kept := &registry{services: map[string]*registered{}}
	for name, r := range have.services {
		if now := g.services[name]; now != nil && now.record.Id == r.record.Id {
			kept.services[name] = r
		}
	}
	return kept
}

// keepServices saves what services counted in a generation that came to nothing.
func (d *Dataplane) keepServices(next *successor, before former) error {
	if len(before.registry.services) == 0 {
		return nil
	}
	if err := gracePeriod(); err != nil {
		return err
	}
	for counters := range sumsOf {
		if next.shares[counters] {
			continue
		}
		to, err := d.root.openTally(d.manifest.Generation, counters)
		if err != nil {
			return err
		}
		from := tally{next.gen.maps(counters), next.gen.maps(sumsOf[counters])}
		err = to.addAll(before.registry.keys(counters), from.counted)
		to.close()
		if err != nil {
			return err
		}
	}
	return nil
}
