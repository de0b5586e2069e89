// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"encoding/binary"
	"fmt"
	"net"
)

// Stream is what to send: one frame again and again, with a number in it.
type Stream struct {
	// Frame is Ethernet, IP without a tag before it, UDP and a payload of zeros,
	// with right checksums. Its source MAC is filled in.
	Frame []byte
	// MAC is the destination; nil: the interface's own, a frame that no switch
	// sends on.
	MAC net.HardwareAddr
	// Rate is how many packets a second to send on all queues; 0: as many as go.
	Rate int
}

const (
	ethernetSize = 14
	udpSize      = 8
	// SequenceSize is the room that the payload must have for a packet's number: 64
	// bits, big endian, at its start. Each queue counts its own from 0.
	SequenceSize = 8
	// MaxFrame is the longest frame that fits into a chunk, bytes.
	MaxFrame = 4096
)

// LeastFrame is the least size of a frame with IPv4 or IPv6, bytes.
func LeastFrame(v4 bool) int {
	if v4 {
		return ethernetSize + 20 + udpSize + SequenceSize
	}
	return ethernetSize + 40 + udpSize + SequenceSize
}

// sequencer makes the packets of a queue out of copies of one frame.
type sequencer struct {
	at   int    // of the number
	port uint16 // to send from
	sum  uint32 // of all that the UDP checksum covers but the number, not folded
}

// newSequencer reads the frame of a stream.
func newSequencer(frame []byte) (sequencer, error) {
	if len(frame) > MaxFrame || len(frame) < LeastFrame(true) {
		return sequencer{}, fmt.Errorf("a frame of %d bytes: it must be from %d to %d", len(frame), LeastFrame(true), MaxFrame)
	}
	v4 := frame[ethernetSize]>>4 == 4
	at := LeastFrame(v4) - SequenceSize
	if len(frame) < at+SequenceSize {
		return sequencer{}, fmt.Errorf("a frame of %d bytes: one of IPv6 has at least %d", len(frame), LeastFrame(false))
	}
	udp := frame[at-udpSize:]
	return sequencer{at, binary.BigEndian.Uint16(udp), uint32(^binary.BigEndian.Uint16(udp[6:]))}, nil
}

// shift returns a sequencer with a source port that is n higher. See RFC 1624.
func (s sequencer) shift(n uint16) sequencer {
	s.sum += uint32(^s.port) + uint32(s.port+n)
	s.port += n
	return s
}

// write gives a copy of the frame, or what was one, its port, its number, and
// the checksum that goes with them. See RFC 1071: sums can be added up in parts.
func (s sequencer) write(frame []byte, number uint64) {
	udp := frame[s.at-udpSize : s.at+SequenceSize]
	binary.BigEndian.PutUint16(udp, s.port)
	binary.BigEndian.PutUint64(udp[udpSize:], number)
	sum := s.sum + uint32(number>>48) + uint32(number>>32&0xffff) + uint32(number>>16&0xffff) + uint32(number&0xffff)
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	checksum := ^uint16(sum)
	if checksum == 0 {
		checksum = 0xffff // 0 would say that there is none
	}
	binary.BigEndian.PutUint16(udp[6:], checksum)
}
