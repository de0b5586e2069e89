// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"time"
)

// Report is what became of a flow, in packets.
type Report struct {
	Sent      uint64
	Received  uint64 // all that the receiver got, also the doubled and altered
	Lost      uint64 // sent, but never received unaltered
	Doubled   uint64 // copies after the first
	Altered   uint64 // neither what was sent nor of this flow
	Reordered uint64 // came after one that was sent later
	// Refused reached the receiver's socket, but the kernel dropped them there:
	// the UDP checksum was wrong, or the receiver was too slow. They are
	// among the lost.
	Refused uint64

	Elapsed    time.Duration // of sending
	LostRanges []Range       // where the first losses were
}

// Range is a range of sequence numbers, from First to Last.
type Range struct{ First, Last uint64 }

// Rate returns the packets sent a second.
func (r Report) Rate() float64 {
	if r.Elapsed == 0 {
		return 0
	}
	return float64(r.Sent) / r.Elapsed.Seconds()
}

// Err returns nil if each packet arrived once, as it was sent and in order.
func (r Report) Err() error {
	if r.Sent == r.Received && r.Lost+r.Doubled+r.Altered+r.Reordered+r.Refused == 0 {
		return nil
	}
	return fmt.Errorf("the flow was disturbed: %v", r)
}

// String returns the report on one line.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sent %d at %.0f/s, received %d, lost %d, doubled %d, altered %d, reordered %d, refused %d",
		r.Sent, r.Rate(), r.Received, r.Lost, r.Doubled, r.Altered, r.Reordered, r.Refused)
	for _, lost := range r.LostRanges {
		fmt.Fprintf(&b, " [lost %d–%d]", lost.First, lost.Last)
	}
	return b.String()
}
