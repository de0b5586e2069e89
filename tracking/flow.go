// SPDX-License-Identifier: Apache-2.0

package tracking

import "time"

// Flow is a record of a flow, as struct flow of bpf/abi.h holds it.
type Flow struct {
	Backend   uint16
	Confirmed bool   // a packet came that didn't start it
	Seen      uint32 // Clock.Seconds of a packet, at most about Clock.Refresh before the last
}

// Clock is the time as the data path sees it, struct clock of bpf/abi.h.
type Clock struct {
	Seconds uint32 // since boot
	Refresh uint32 // age at which Flow.Seen is written anew
}

// How long a record stays without a packet: a flow's at least FlowIdle, that of
// a start which nothing followed HandshakeTime, in which the last SYN-ACK has
// been sent again.
const (
	FlowIdle      = time.Hour
	HandshakeTime = 75 * time.Second
)

// Backend is what the data path knows of a backend.
type Backend uint8

// Flags of a backend, BACKEND_ALIVE and BACKEND_ACCEPT of bpf/abi.h.
const (
	Alive  Backend = 1 << iota // its flows may go on
	Accept                     // new ones may come
)

// Backends are those of a service, by index. Index 0 is nobody. One that is not
// there has no flags.
type Backends []Backend

func (b Backends) are(index uint16, flags Backend) bool {
	return index != 0 && int(index) < len(b) && b[index]&flags == flags
}

// Expired says whether the record of a flow in slot s is to be deleted: its
// backend isn't alive, nothing came for longer than its service takes to settle
// or [FlowIdle], or it says no more than the slot.
func (f Flow) Expired(s Slot, backends Backends, clock Clock, settle time.Duration) bool {
	idle := time.Duration(int32(clock.Seconds-f.Seen)) * time.Second // negative if seen since
	refresh := time.Duration(clock.Refresh) * time.Second
	switch {
	case !backends.are(f.Backend, Alive):
		return true
	case idle > max(settle, FlowIdle)+refresh:
		return true
	case !f.Confirmed && idle > HandshakeTime:
		return true
	}
	return f.Backend == s.Cur() && !s.Moving() && !s.Record()
}
