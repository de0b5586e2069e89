// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"hash/crc32"
)

// A datagram of a flow, all in network byte order:
//
//	0       8          16         20
//	| flow  | sequence | checksum | filling …
//
// The checksum is CRC-32C over all but itself.
const headerSize = 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writePayload writes a sequence number and the checksum into a payload whose
// flow and filling are there already.
func writePayload(p []byte, seq uint64) {
	binary.BigEndian.PutUint64(p[8:], seq)
	binary.BigEndian.PutUint32(p[16:], checksum(p))
}

// newPayload returns a payload of size bytes, at least headerSize, that lacks
// its sequence number and checksum.
func newPayload(flow uint64, size int) []byte {
	p := make([]byte, size)
	binary.BigEndian.PutUint64(p, flow)
	for i := headerSize; i < size; i++ {
		p[i] = byte(i)
	}
	return p
}

// readPayload returns the sequence number of a payload of a flow. It is not ok
// when the payload isn't one of that flow and size, or was altered.
func readPayload(p []byte, flow uint64, size int) (seq uint64, ok bool) {
	if len(p) != size || binary.BigEndian.Uint64(p) != flow || binary.BigEndian.Uint32(p[16:]) != checksum(p) {
		return 0, false
	}
	return binary.BigEndian.Uint64(p[8:]), true
}

func checksum(p []byte) uint32 {
	return crc32.Update(crc32.Checksum(p[:16], castagnoli), castagnoli, p[headerSize:])
}
