// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// metadataSize is the size of struct xsk_tx_metadata, which lies before a
// packet: u64 flags; then, as a request, u16 csum_start, u16 csum_offset, 4
// unused bytes, u64 launch_time; as an answer, u64 tx_timestamp.
const metadataSize = 24

// Request is what a device is asked to do when it sends a packet. Not all
// devices can; those that can't, ignore it.
type Request struct {
	// Checksum asks for the Internet checksum of the bytes from ChecksumStart to
	// the packet's end, to be written ChecksumOffset bytes after ChecksumStart,
	// where the sum of the pseudo header must be.
	Checksum                      bool
	ChecksumStart, ChecksumOffset uint16
	// Timestamp asks for the time of sending: see [UMEM.Timestamp].
	Timestamp bool
	// Launch is when to send the packet, on the device's clock; 0: now. Needs
	// Linux 6.15.
	Launch time.Duration
}

// Request writes a request before the packet that d describes, and marks d. Of
// a packet with fragments it must be the first. The UMEM must have been made
// with Metadata, and the packet must lie where [UMEM.Start] says, or behind.
// Returns a *[ChunkError].
func (u *UMEM) Request(d *Desc, r Request) error {
	marked := *d
	marked.Options |= Metadata
	m := u.metadata(d.Addr)
	if m == nil || u.Data(*d) == nil {
		return u.chunks.chunkError("request", marked, true)
	}
	var flags uint64
	clear(m)
	if r.Timestamp {
		flags |= unix.XDP_TXMD_FLAGS_TIMESTAMP
	}
	if r.Checksum {
		flags |= unix.XDP_TXMD_FLAGS_CHECKSUM
		binary.NativeEndian.PutUint16(m[8:], r.ChecksumStart)
		binary.NativeEndian.PutUint16(m[10:], r.ChecksumOffset)
	}
	if r.Launch > 0 {
		flags |= unix.XDP_TXMD_FLAGS_LAUNCH_TIME
		binary.NativeEndian.PutUint64(m[16:], uint64(r.Launch))
	}
	binary.NativeEndian.PutUint64(m, flags)
	*d = marked
	return nil
}

// Timestamp returns when the packet at an address that [Completion.Each] gave
// was sent, in nanoseconds of the device's clock, or of CLOCK_REALTIME in copy
// mode. It is 0 if none was asked for, or none given.
func (u *UMEM) Timestamp(addr uint64) uint64 {
	m := u.metadata(addr)
	if m == nil || binary.NativeEndian.Uint64(m)&unix.XDP_TXMD_FLAGS_TIMESTAMP == 0 {
		return 0
	}
	return binary.NativeEndian.Uint64(m[8:])
}

// metadata returns the metadata of the packet at an address, or nil if there is
// no room for it.
func (u *UMEM) metadata(addr uint64) []byte {
	start := u.chunks.index(addr) * u.chunks.size
	if u.chunks.room == 0 || addr < start+metadataSize {
		return nil
	}
	return u.Data(Desc{Addr: addr - metadataSize, Len: metadataSize})
}
