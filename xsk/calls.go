// SPDX-License-Identifier: Apache-2.0

package xsk

import "sync/atomic"

// Calls counts the system calls that a socket has made to move packets. They
// start at 0 with the socket.
type Calls struct {
	Kicks   uint64 // to send: TX.Kick
	Wakeups uint64 // to receive: Fill.Refill and Fill.Wake
	Waits   uint64 // to sleep: RX.Wait and TX.Wait
}

// calls is what a socket counts. An addition is nothing beside the call.
type calls struct{ kicks, wakeups, waits atomic.Uint64 }

// Calls returns the counts until now.
func (s *Socket) Calls() Calls {
	return Calls{s.calls.kicks.Load(), s.calls.wakeups.Load(), s.calls.waits.Load()}
}
