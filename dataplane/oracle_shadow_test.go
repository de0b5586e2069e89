// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"maps"
	"net/netip"
	"time"

	"clearway/tracking"
)

// flowID tells one flow of a service from another; the ports are 0 where it has
// affinity to the source.
type flowID struct {
	source       netip.Addr
	sport, dport uint16
}

func (f flowID) String() string { return fmt.Sprintf("%v %d>%d", f.source, f.sport, f.dport) }

// shadow is what a service should be, kept by the rules of package tracking
// alone, in numbers of its own: of backends none is ever given away twice.
type shadow struct {
	name     string
	config   Service
	seed     uint64                // in use
	names    []netip.Addr          // of backends, by index; 0 is nobody
	indices  map[netip.Addr]uint16 // the other way
	backends tracking.Backends
	owners   []uint16 // that the slots should have, of the size in use
	table    *tracking.Table
	recordAt time.Duration // since when all flows are recorded for another table
	records  map[flowID]tracking.Flow
	hashes   map[flowID]uint32 // of flows, as long as the seed is the same
	hashSeed uint64

	recorded, full uint64 // what the service counts
}

func newShadow(name string) *shadow {
	return &shadow{name: name, names: make([]netip.Addr, 1), indices: map[netip.Addr]uint16{}, records: map[flowID]tracking.Flow{}}
}

// flag gives the backends the flags that a configuration says; those that it
// doesn't have get none. It comes before the table.
func (s *shadow) flag(config Service) {
	s.config = config
	clear(s.backends)
	for _, b := range config.Backends {
		i, known := s.indices[b.Address]
		if !known {
			i = uint16(len(s.names))
			s.names, s.indices[b.Address] = append(s.names, b.Address), i
		}
		if missing := len(s.names) - len(s.backends); missing > 0 {
			s.backends = append(s.backends, make(tracking.Backends, missing)...)
		}
		if b.Alive {
			s.backends[i] |= tracking.Alive
		}
		if b.Accept && b.Weight > 0 {
			s.backends[i] |= tracking.Accept
		}
	}
}

// wanted builds the table that the configuration asks for; nil when nobody
// accepts.
func (s *shadow) wanted(size int, seed uint64) (owners []uint16) {
	for _, a := range wantedOwners(size, seed, s.config.Backends) {
		owners = append(owners, s.indices[a])
	}
	return owners
}

// arrange brings the table up to date. It does nothing when it is done again.
func (s *shadow) arrange(seed uint64, resizeNow bool, now time.Duration) {
	switch want := s.wanted(s.config.TableSize, seed); {
	case len(s.config.Backends) == 0:
		s.table, s.owners, s.seed, s.recordAt = nil, nil, seed, 0
	case s.table == nil || s.config.Tracking != TrackChanged:
		if want == nil {
			return
		}
		s.table, s.owners, s.seed = tracking.New(want), want, seed
		if s.config.Tracking == TrackAlways {
			s.table.RecordAll()
		}
	case s.recordAt == 0 && s.seed == seed && len(s.table.Slots()) == s.config.TableSize:
		s.merge(now)
	default:
		s.resize(want, seed, resizeNow, now)
	}
}

func (s *shadow) merge(now time.Duration) {
	s.table.Settle(now, s.config.Settle)
	if want := s.wanted(len(s.table.Slots()), s.seed); want != nil {
		s.owners = want
		s.table.Merge(want, s.backends, now)
		return
	}
	s.table.Merge(nil, s.backends, now)
}

func (s *shadow) resize(want []uint16, seed uint64, resizeNow bool, now time.Duration) {
	if s.recordAt == 0 {
		s.recordAt = now
	}
	if want != nil && (resizeNow || now-s.recordAt >= s.config.Settle) {
		s.table, s.owners, s.seed, s.recordAt = tracking.Replace(want), want, seed, 0
		return
	}
	s.merge(now)
	s.table.RecordAll()
}

// adopt is what another process does, which doesn't know since when slots move.
func (s *shadow) adopt(now time.Duration) {
	if s.table == nil {
		return
	}
	s.table = tracking.Adopt(s.table.Slots(), now)
	if s.recordAt != 0 {
		s.recordAt = now
	}
}

// due tells whether time alone changes the table.
func (s *shadow) due(now time.Duration) bool {
	if s.table == nil || s.config.Tracking != TrackChanged {
		return false
	}
	at, any := s.table.NextSettle(s.config.Settle)
	return any && at <= now || s.recordAt != 0 && now-s.recordAt >= s.config.Settle
}

// sweep deletes the records that say nothing, and ends tails. start is when the
// process began, before which nobody told the time.
func (s *shadow) sweep(clock tracking.Clock, start uint32) {
	if s.table == nil {
		clear(s.records)
		return
	}
	deviates := map[int]bool{}
	maps.DeleteFunc(s.records, func(f flowID, r tracking.Flow) bool {
		slot := s.slotOf(f)
		r.Seen = min(max(r.Seen, start), clock.Seconds)
		if r.Expired(s.table.Slots()[slot], s.backends, clock, s.config.Settle) {
			return true
		}
		if r.Backend != s.table.Slots()[slot].Cur() {
			deviates[slot] = true
		}
		return false
	})
	s.table.ClearLookup(func(slot int) bool { return deviates[slot] })
}

// slotOf is worked out the long way, from a packet.
func (s *shadow) slotOf(f flowID) int {
	if s.hashes == nil || s.hashSeed != s.seed {
		s.hashes, s.hashSeed = map[flowID]uint32{}, s.seed
	}
	hash, known := s.hashes[f]
	if !known {
		packet := shotFrame(s.config, f, shotData, [6]byte{})
		if hash = hashOf(packet, s.seed); s.config.Affinity == AffinitySource {
			hash = hashOfSource(packet, s.seed)
		}
		s.hashes[f] = hash
	}
	return int(uint64(hash) * uint64(len(s.table.Slots())) >> 32)
}

// expected is what should become of a packet.
type expected struct {
	choice  tracking.Choice
	backend netip.Addr // the zero value: nobody
	full    bool       // its record found no room,
	placed  bool       // but without one it belongs there
}

// expect decides about a packet and keeps what it records. room is for how many
// more records there is any.
func (s *shadow) expect(f flowID, p tracking.Packet, clock tracking.Clock, room int) expected {
	if s.table == nil {
		return expected{}
	}
	slot := s.table.Slots()[s.slotOf(f)]
	r, any := s.records[f]
	found := &r
	if !any || slot.Settled() {
		found = nil
	}
	d := tracking.Choose(slot, p, found, s.backends, clock)
	e := expected{choice: d.Choice, backend: s.names[d.Backend]}
	recorded := d.Choice == tracking.ChoiceNewCur || d.Choice == tracking.ChoiceNewBase
	switch {
	case d.Write && !any && room <= 0:
		e = expected{tracking.ChoiceFull, s.names[d.Full], true, !p.Start || s.backends[slot.Base()]&tracking.Accept != 0}
		s.full++
	case d.Write:
		s.records[f] = d.Record
		if recorded {
			s.recorded++
		}
	}
	return e
}
