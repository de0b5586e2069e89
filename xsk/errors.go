// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"fmt"
)

// Errors to test for with errors.Is. Those of a call carry the number of the
// kernel's error too, and what to do.
var (
	// ErrClosed is returned by calls on a socket or a UMEM that was closed.
	ErrClosed = errors.New("closed")
	// ErrInUse is returned by [UMEM.Close] while there are sockets on the UMEM.
	ErrInUse = errors.New("sockets of the UMEM are still open; close them first")
	// ErrNotSupported says that the kernel, or the device's driver, lacks what
	// was asked for.
	ErrNotSupported = errors.New("not supported")
	// ErrNoQueue says that the device has no queue of that number.
	ErrNoQueue = errors.New("no such queue")
	// ErrQueueBusy says that another socket has the queue.
	ErrQueueBusy = errors.New("the queue has another owner")
	// ErrPermission says that a capability is missing.
	ErrPermission = errors.New("not permitted")
	// ErrLinkDown says that the device is down, or has lost its carrier. It may
	// come back, or be about to be removed.
	ErrLinkDown = errors.New("the link is down")
	// ErrDeviceGone says that the device was removed, or moved to another network
	// namespace. The socket can only be closed.
	ErrDeviceGone = errors.New("the device is gone")
)

// OptionError says which option can't be and why.
type OptionError struct {
	Option string // the field's name
	Value  any
	Reason string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("option %s: %v: %s", e.Option, e.Value, e.Reason)
}

// SetupError says which step of opening a socket failed and what to do.
type SetupError struct {
	Step           string
	Ifindex, Queue int
	Err            error  // wraps the kernel's error and, where one fits, an Err… of this package
	Hint           string // what to do; may be empty
}

func (e *SetupError) Error() string {
	text := fmt.Sprintf("xsk on interface %d queue %d: %s: %v", e.Ifindex, e.Queue, e.Step, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func (e *SetupError) Unwrap() error { return e.Err }

// ChunkError says that a chunk can't be given away, as the program doesn't own
// it, or the descriptor doesn't fit it. Nothing was given away.
type ChunkError struct {
	Op     string // put, submit, request
	Desc   Desc
	Reason string
}

func (e *ChunkError) Error() string {
	return fmt.Sprintf("xsk: %s of %d bytes at %#x with options %#x: %s", e.Op, e.Desc.Len, e.Desc.Addr, e.Desc.Options, e.Reason)
}

// QuarantineError is returned by [Socket.Close] when the kernel didn't give
// all chunks back in time. They are not used again until the UMEM is closed; a
// UMEM with fewer chunks goes on working.
type QuarantineError struct {
	Chunks int
}

func (e *QuarantineError) Error() string {
	return fmt.Sprintf("closing: the kernel still holds %d chunks, which are set aside until the UMEM is closed", e.Chunks)
}

// chunkError finds out what is wrong with a descriptor.
func (c *chunks) chunkError(op string, d Desc, sending bool) error {
	e := &ChunkError{Op: op, Desc: d}
	at := d.Addr
	n := c.index(at)
	end := (n + 1) * c.size
	switch {
	case n >= uint64(len(c.tags)):
		e.Reason = fmt.Sprintf("the address is outside the UMEM of %d bytes; is it of another one?", uint64(len(c.tags))*c.size)
	case !c.tags[n].held():
		e.Reason = fmt.Sprintf("the chunk is %v, not the program's: it was given away before", c.tags[n])
	case !sending:
		e.Reason = "the chunk is the program's"
	case d.Len == 0:
		e.Reason = "a packet needs at least one byte"
	case at+uint64(d.Len) > end:
		e.Reason = fmt.Sprintf("only %d bytes are left in the chunk; split the packet or use larger chunks", end-at)
	case d.Options&^(Continued|Metadata) != 0:
		e.Reason = "unknown options"
	case d.Options&Continued != 0 && d.Options&Metadata == 0:
		e.Reason = "packets of several fragments need Options.MultiBuffer"
	default:
		e.Reason = fmt.Sprintf("a metadata request takes %d bytes before the packet; start it later in the chunk, and ask for UMEMOptions.Metadata", c.room)
	}
	return e
}
