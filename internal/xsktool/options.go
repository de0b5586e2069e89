// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"fmt"
	"time"

	"clearway/xsk"
)

// AllQueues as [Options.Queue] means every queue of the interface.
const AllQueues = -1

// RingSize is the number of entries of each ring, and so the largest batch.
const RingSize = 2048

// chunksPerSocket are enough for a full ring to receive and one to send.
const chunksPerSocket = 2 * RingSize

// Options says where and how to work.
type Options struct {
	Interface string
	To        string // of Forward: the other interface
	Queue     int    // of each interface; or AllQueues
	Duration  time.Duration
	Batch     int // how many packets a turn may have
	Mode      xsk.Mode
	// BusyPoll makes a loop without packets run the device's work itself, and
	// never sleep.
	BusyPoll bool

	// Started, unless nil, is called when all is set up.
	Started func(Setup)
	// Each, unless nil, is called after each second.
	Each func(Second)

	linkPatience time.Duration // for tests; 0: linkPatience
}

// Check returns an error that names the flag that can't be.
func (o *Options) Check() error {
	switch {
	case o.Interface == "":
		return fmt.Errorf("--interface is missing: the name of a network interface")
	case o.To == o.Interface:
		return fmt.Errorf("--to: %s is --interface already; a packet would come back where it came from", o.To)
	case o.Queue < AllQueues:
		return fmt.Errorf("--queue: %d is no queue; they are counted from 0", o.Queue)
	case o.Batch < 1 || o.Batch > RingSize:
		return fmt.Errorf("--batch: %d is not from 1 to %d", o.Batch, RingSize)
	case o.Duration < 0:
		return fmt.Errorf("--duration: %v is negative; 0 goes on until it is interrupted", o.Duration)
	}
	return nil
}

// socketOptions are those that the works have in common.
func (o *Options) socketOptions() xsk.Options {
	options := xsk.Options{
		Mode:   o.Mode,
		RXSize: RingSize, TXSize: RingSize, FillSize: RingSize, CompletionSize: RingSize,
	}
	if o.BusyPoll {
		options.BusyPoll.Time = busyPollTime
	}
	return options
}

// busyPollTime is how long one call may run the device's work, as the kernel's
// documentation has it.
const busyPollTime = 20 * time.Microsecond
