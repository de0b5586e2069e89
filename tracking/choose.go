// SPDX-License-Identifier: Apache-2.0

package tracking

// Choice is how the backend of a packet was found: enum choice of bpf/abi.h.
type Choice uint8

// The choices.
const (
	ChoiceNone    Choice = iota // not asked for
	ChoiceSettled               // the slot is settled: its backend
	ChoiceRecord                // the flow's record
	ChoiceCur                   // no record; where new flows go
	ChoiceBase                  // no record; to which such flows belong
	ChoiceNewCur                // likewise, and now recorded
	ChoiceNewBase
	ChoiceFull // no room for a record: where unrecorded flows go
)

// Packet is what matters of a packet to the choice.
type Packet struct {
	// Start is set if it starts a flow: a TCP SYN without ACK and RST, of a
	// service without affinity. UDP has no such packet.
	Start bool
	// NoRecord is set if it may not cause a record: a TCP RST, an ICMP error.
	NoRecord bool
}

// Decision is where a packet goes, and what becomes of its flow's record.
type Decision struct {
	Choice  Choice
	Backend uint16 // 0: nobody
	// Write says that Record is to be the flow's record. With ChoiceNewCur and
	// ChoiceNewBase it needs room for that. If there is none the choice is
	// ChoiceFull, and the backend Full. Else the flow has a record.
	Write  bool
	Record Flow
	Full   uint16
}

// Choose returns where a packet of slot s goes. r is the record of its flow, nil
// if there is none or the slot is settled. It is what the data path does, in
// bpf/choose.h.
func Choose(s Slot, p Packet, r *Flow, backends Backends, clock Clock) Decision {
	if s.Settled() {
		return Decision{Choice: ChoiceSettled, Backend: s.Cur()}
	}
	need := Alive
	if p.Start {
		need |= Accept
	}
	if r != nil && backends.are(r.Backend, need) {
		return keep(*r, p, clock)
	}
	want := s.Cur()
	if !p.Start && backends.are(s.Base(), Alive) {
		want = s.Base()
	}
	isCur := want == s.Cur()
	switch {
	case !p.Start && p.NoRecord:
		return Decision{Choice: either(isCur, ChoiceCur, ChoiceBase), Backend: want}
	case s.unrecorded(want, p.Start):
		d := Decision{Choice: ChoiceCur, Backend: want}
		if r != nil { // that it doesn't go back if its former backend returns
			d.Write, d.Record = true, newFlow(want, p, clock)
		}
		return d
	}
	d := Decision{Choice: either(isCur, ChoiceNewCur, ChoiceNewBase), Backend: want,
		Write: true, Record: newFlow(want, p, clock), Full: want}
	if p.Start && backends.are(s.Base(), Accept) {
		d.Full = s.Base()
	}
	return d
}

// keep is the choice of the flow's record.
func keep(r Flow, p Packet, clock Clock) Decision {
	now := r
	now.Confirmed = r.Confirmed || !p.Start
	if now != r || clock.Seconds-r.Seen >= clock.Refresh {
		now.Seen = clock.Seconds
		return Decision{Choice: ChoiceRecord, Backend: r.Backend, Write: true, Record: now}
	}
	return Decision{Choice: ChoiceRecord, Backend: r.Backend}
}

// unrecorded says that a flow which goes to the backend goes there without a
// record too, now and later.
func (s Slot) unrecorded(backend uint16, start bool) bool {
	switch {
	case s.Record():
		return false
	case start:
		return !s.Moving()
	}
	return backend == s.Cur()
}

func newFlow(backend uint16, p Packet, clock Clock) Flow {
	return Flow{Backend: backend, Confirmed: !p.Start, Seen: clock.Seconds}
}

func either(is bool, yes, no Choice) Choice {
	if is {
		return yes
	}
	return no
}
