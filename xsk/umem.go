// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"fmt"
	"os"
	"sync"
)

// UMEMOptions is the blueprint of a [UMEM]. Zero values mean the defaults.
type UMEMOptions struct {
	// Chunks is their number; default 4096.
	Chunks int
	// ChunkSize is in bytes: a power of two from 2048 to the page size, which is
	// the default. With Unaligned any number in between, rounded up to an even one.
	ChunkSize int
	// Headroom is how many bytes the kernel leaves free before a received packet,
	// beside its own 256.
	Headroom int
	// Unaligned lets chunks be of any size and lie anywhere. For zero-copy they must
	// be on huge pages, as a device can't go from one page to another; the few
	// that lie on two of them are not used.
	Unaligned bool
	// HugePages asks for them; [UMEM.HugePages] tells whether they were had.
	HugePages bool
	// Metadata lets [UMEM.Request] ask a device for checksums and timestamps.
	// Needs Linux 6.8.
	Metadata bool
	// SoftwareChecksum makes the kernel compute requested checksums itself, for
	// devices in copy mode.
	SoftwareChecksum bool
}

// UMEM is memory for packets, cut into chunks, that sockets share. Its methods
// are safe for concurrent use; the bytes of a packet are its owner's.
type UMEM struct {
	options UMEMOptions
	mem     mapping
	bytes   []byte // mem, of whole chunks
	huge    bool
	chunks  chunks
	pool    pool

	mu      sync.Mutex // held while sockets are opened and closed
	queues  []*queue   // by number; nil where one was closed
	members []*Socket
	closed  bool
}

// NewUMEM maps memory. The caller must close the UMEM, after its sockets.
// Returns an *[OptionError] if the kernel would refuse the options.
func NewUMEM(o UMEMOptions) (*UMEM, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("making a UMEM: %w", err)
	}
	size := uintptr(o.Chunks) * uintptr(o.ChunkSize)
	mem, huge, err := mapUMEM(size, o.HugePages)
	if err != nil {
		return nil, fmt.Errorf("making a UMEM of %d bytes: %w", size, err)
	}
	u := &UMEM{options: o, mem: mem, bytes: mem.bytes()[:size], huge: huge}
	u.chunks.init(o.Chunks, uint64(o.ChunkSize))
	u.chunks.unaligned = o.Unaligned
	if o.Metadata {
		u.chunks.room = metadataSize
	}
	for i := o.Chunks - 1; i >= 0; i-- { // the first on top of the stack
		if huge && u.chunks.crosses(i, hugePageSize) {
			u.chunks.tags[i] = unusable
			continue
		}
		u.pool.free = append(u.pool.free, uint32(i))
	}
	return u, nil
}

// Data returns the bytes of a packet or fragment, or nil if the descriptor is
// not within one chunk. Its capacity reaches to the chunk's end. After the UMEM
// is closed the bytes are zeros.
func (u *UMEM) Data(d Desc) []byte {
	n := u.chunks.index(d.Addr)
	end := (n + 1) * u.chunks.size
	to := d.Addr + uint64(d.Len)
	if n >= uint64(len(u.chunks.tags)) || to > end {
		return nil
	}
	return u.bytes[d.Addr:to:end]
}

// Chunk returns all bytes of the chunk that an address is in, or nil if it is
// outside the UMEM.
func (u *UMEM) Chunk(addr uint64) []byte {
	at := u.chunks.index(addr) * u.chunks.size
	return u.Data(Desc{Addr: at, Len: uint32(u.chunks.size)})
}

// Start returns where a packet should start in a chunk taken from a cache: the
// chunk's address and room for the headroom and a metadata request.
func (u *UMEM) Start(chunk uint64) uint64 {
	return chunk + max(uint64(u.options.Headroom), u.chunks.room)
}

// Counts returns who owns how many chunks. Between batches, their sum is the
// number of chunks.
func (u *UMEM) Counts() Counts { return u.chunks.count() }

// HugePages tells whether the memory is on huge pages.
func (u *UMEM) HugePages() bool { return u.huge }

// Options returns the options with defaults filled in.
func (u *UMEM) Options() UMEMOptions { return u.options }

// Close gives the memory back. Returns [ErrInUse] while sockets use it. Slices
// of it stay readable, as zeros, for as long as the UMEM is reachable.
func (u *UMEM) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
		return nil
	case len(u.members) > 0:
		return fmt.Errorf("closing a UMEM: %w", ErrInUse)
	}
	u.closed = true
	return vacate(u, u.mem)
}

// complete fills in defaults and checks what the kernel would check.
func (o *UMEMOptions) complete() error {
	page := os.Getpagesize()
	if o.Chunks == 0 {
		o.Chunks = 4096
	}
	if o.ChunkSize == 0 {
		o.ChunkSize = page
	}
	if o.Unaligned {
		// Newer kernels clear bit 0 of a completed address: from an odd start of a
		// chunk that would lead into the chunk before.
		o.ChunkSize += o.ChunkSize & 1
	}
	size := o.ChunkSize
	switch {
	case o.Chunks < 1 || o.Chunks > 1<<24:
		return &OptionError{"Chunks", o.Chunks, "must be from 1 to 16777216"}
	case size < 2048 || size > page:
		return &OptionError{"ChunkSize", size, fmt.Sprintf("must be from 2048 to the page size, %d; larger packets need Options.MultiBuffer", page)}
	case !o.Unaligned && size&(size-1) != 0:
		return &OptionError{"ChunkSize", size, "must be a power of two, unless Unaligned"}
	case o.Headroom < 0 || o.Headroom > size-kernelHeadroom:
		return &OptionError{"Headroom", o.Headroom, fmt.Sprintf("must be from 0 to the chunk size less %d, which the kernel needs", kernelHeadroom)}
	case o.SoftwareChecksum && !o.Metadata:
		return &OptionError{"SoftwareChecksum", true, "needs Metadata"}
	}
	return nil
}

// kernelHeadroom is what the kernel keeps before each received packet,
// XDP_PACKET_HEADROOM, beside what the UMEM asks for.
const kernelHeadroom = 256
