// SPDX-License-Identifier: Apache-2.0

package demo

import "encoding/binary"

// Where headers begin in a frame, and the least bytes of all of them: Ethernet,
// IPv4 without options, UDP.
const (
	atIP   = 14
	atUDP  = atIP + 20
	atData = atUDP + 8
)

// reply makes the answer to a query of DNS in place: the frame that goes back to
// where this one came from. It returns nil if the frame is no query. A frame may
// have padding behind its packet.
func reply(frame []byte) []byte {
	if len(frame) < atData || frame[atIP] != 0x45 || frame[atIP+9] != 17 {
		return nil
	}
	end := atUDP + int(binary.BigEndian.Uint16(frame[atUDP+4:]))
	if end < atData || end > len(frame) {
		return nil
	}
	message := answerDNS(frame[atData:end])
	if message == nil {
		return nil
	}
	frame = frame[:atData+len(message)]
	swap(frame[0:12])
	swap(frame[atIP+12 : atIP+20])
	swap(frame[atUDP : atUDP+4])
	binary.BigEndian.PutUint16(frame[atIP+2:], uint16(len(frame)-atIP))
	binary.BigEndian.PutUint16(frame[atUDP+4:], uint16(len(frame)-atUDP))
	binary.BigEndian.PutUint16(frame[atUDP+6:], 0) // none, as IPv4 allows (RFC 768)
	binary.BigEndian.PutUint16(frame[atIP+10:], 0)
	binary.BigEndian.PutUint16(frame[atIP+10:], headerChecksum(frame[atIP:atUDP]))
	return frame
}

// swap exchanges the halves: source and destination.
func swap(pair []byte) {
	half := len(pair) / 2
	for i := range half {
		pair[i], pair[half+i] = pair[half+i], pair[i]
	}
}

// headerChecksum is that of RFC 1071, over a whole number of 16 bit words.
func headerChecksum(header []byte) uint16 {
	var sum uint32
	for ; len(header) >= 2; header = header[2:] {
		sum += uint32(binary.BigEndian.Uint16(header))
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum>>16 + sum)
}
