// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"time"

	"golang.org/x/sys/unix"
)

// Mode says whether the device may use the UMEM directly.
type Mode uint8

// The modes of a socket. [Socket.ZeroCopy] tells which was obtained.
const (
	// PreferZeroCopy takes zero-copy where the driver has it, else copies. With
	// unaligned chunks it takes zero-copy only on huge pages.
	PreferZeroCopy Mode = iota
	// Copy lets the kernel copy each packet. Every device can.
	Copy
	// ZeroCopy fails where the driver doesn't have it.
	ZeroCopy
)

// Options is the blueprint of a [Socket]. Zero values mean the defaults.
type Options struct {
	Ifindex int // of the device; required
	Queue   int // of the device, from 0
	Mode    Mode

	// Sizes of the rings: powers of two; default 2048.
	RXSize, TXSize, FillSize, CompletionSize int
	// NoRX and NoTX leave a ring out. A socket that only sends needs no XDP program.
	NoRX, NoTX bool
	// Fill is how many chunks are put on the fill ring before the socket is bound:
	// some drivers need it. Default: as many as fit, at most half of what the
	// UMEM's pool has.
	Fill int

	// NoNeedWakeup makes the program call the kernel each time, instead of only
	// when the kernel says that it sleeps.
	NoNeedWakeup bool
	// MultiBuffer allows packets of more than one chunk. Needs Linux 6.6, and, to
	// receive, an XDP program loaded with BPF_F_XDP_HAS_FRAGS.
	MultiBuffer bool
	// Separate registers the UMEM's memory once more for this socket instead of
	// sharing it in the kernel: the memory is then pinned twice, and the socket may
	// be in another mode than others. It is done without asking where the kernel
	// can't share between queues (before Linux 5.10). See [Socket.Separate].
	Separate bool
	BusyPoll BusyPoll

	// BindTimeout is how long to try while the queue is still busy: the kernel
	// frees a queue some time after its last socket was closed. Default 1 s;
	// negative: don't try again.
	BindTimeout time.Duration
	// DrainTimeout is how long Close waits for packets to be sent, and then for
	// the kernel to let the chunks go. Default 500 ms.
	DrainTimeout time.Duration

	// FD is the descriptor of a new AF_XDP socket that a process with CAP_NET_RAW
	// has made and passed on. It belongs to Open, also if that fails. 0: make one.
	FD int

	layoutRoom uintptr // for tests: how much of the rings' layout to ask for
}

// BusyPoll makes calls of the kernel run the device's receive and transmit
// work, in place of interrupts. It needs Linux 5.11, a driver that has it, and
// napi_defer_hard_irqs and gro_flush_timeout set on the device. On a driver that
// sends in another NAPI than it receives in, such as virtio_net, a zero-copy
// socket with it sends nothing: use it with NoTX there.
type BusyPoll struct {
	Time   time.Duration // how long a call may poll, in whole microseconds; 0: off
	Budget int           // packets a call; default 64
}

// closeFD closes a passed descriptor that comes to no use.
func (o *Options) closeFD() {
	if o.FD > 0 {
		unix.Close(o.FD)
	}
}

// chooseMode takes zero-copy out of question where packets would get lost.
func (o *Options) chooseMode(u *UMEM) error {
	if !u.options.Unaligned || u.huge || o.Mode == Copy {
		return nil
	}
	if o.Mode == ZeroCopy {
		return &OptionError{"Mode", o.Mode, "zero-copy with Unaligned chunks needs HugePages, and there were none: raise vm.nr_hugepages"}
	}
	o.Mode = Copy
	return nil
}

// txOptions returns the options that a descriptor to be sent may have.
func (o *Options) txOptions() uint32 {
	if o.MultiBuffer {
		return Continued | Metadata
	}
	return Metadata
}

// complete fills in defaults and checks what the kernel would check.
func (o *Options) complete() error {
	sizes := []struct {
		name  string
		value *int
	}{{"RXSize", &o.RXSize}, {"TXSize", &o.TXSize}, {"FillSize", &o.FillSize}, {"CompletionSize", &o.CompletionSize}}
	for _, s := range sizes {
		if *s.value == 0 {
			*s.value = 2048
		}
		if v := *s.value; v < 1 || v > 1<<20 || v&(v-1) != 0 {
			return &OptionError{s.name, v, "must be a power of two, at most 1048576"}
		}
	}
	if o.layoutRoom == 0 {
		o.layoutRoom = sizeofLayout
	}
	if o.BindTimeout == 0 {
		o.BindTimeout = time.Second
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 500 * time.Millisecond
	}
	if o.BusyPoll.Time > 0 && o.BusyPoll.Budget == 0 {
		o.BusyPoll.Budget = 64
	}
	switch {
	case o.Ifindex < 1:
		return &OptionError{"Ifindex", o.Ifindex, "must be the index of a network device, as net.InterfaceByName tells"}
	case o.FD < 0:
		return &OptionError{"FD", o.FD, "must be a descriptor, or 0 for a new socket"}
	case o.Queue < 0:
		return &OptionError{"Queue", o.Queue, "queues are counted from 0"}
	case o.Mode > ZeroCopy:
		return &OptionError{"Mode", o.Mode, "must be PreferZeroCopy, Copy or ZeroCopy"}
	case o.NoRX && o.NoTX:
		return &OptionError{"NoTX", true, "a socket needs a ring to receive or to send"}
	case o.Fill < 0 || o.Fill > o.FillSize:
		return &OptionError{"Fill", o.Fill, "must be from 0 to FillSize"}
	case o.BusyPoll.Time < 0 || o.BusyPoll.Budget < 0:
		return &OptionError{"BusyPoll", o.BusyPoll, "must not be negative"}
	}
	return nil
}
