// SPDX-License-Identifier: Apache-2.0

package xsk

import "golang.org/x/sys/unix"

// Desc is one entry of an RX or TX ring: struct xdp_desc of
// include/uapi/linux/if_xdp.h, in host byte order.
type Desc struct {
	// Addr is where the packet, or this fragment of it, starts: bytes from the
	// start of the UMEM.
	Addr    uint64
	Len     uint32 // bytes
	Options uint32 // Continued, Metadata
}

// Options of a descriptor.
const (
	// Continued says that the packet goes on in the next descriptor. Only sockets
	// opened with [Options.MultiBuffer] see or may set it.
	Continued = unix.XDP_PKT_CONTD
	// Metadata says that a request to the device lies before the packet. It is
	// set by [UMEM.Request].
	Metadata = unix.XDP_TX_METADATA
)

// flatten makes plain offsets of the addresses that a kernel gives with
// unaligned chunks: the upper 16 bits are to be added to the lower 48.
func flatten(descs []Desc) {
	for i := range descs {
		descs[i].Addr = descs[i].Addr&(1<<48-1) + descs[i].Addr>>48
	}
}
