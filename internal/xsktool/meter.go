// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// tally counts what one worker has done. The worker writes it, the meter reads.
type tally struct {
	packets, bytes atomic.Uint64
	turns          atomic.Uint64 // with packets
	noRoom         atomic.Uint64 // packets to forward that didn't fit on the TX ring
	_              [96]byte      // of its own cache lines
}

func (t *tally) add(packets, bytes int) {
	t.packets.Add(uint64(packets))
	t.bytes.Add(uint64(bytes))
	t.turns.Add(1)
}

// reading is the state of all counters at a time.
type reading struct {
	at             time.Time
	packets, bytes uint64
	turns          uint64
	drops          Drops
	calls          calls
	user, system   time.Duration
}

type calls struct{ kicks, wakeups, waits uint64 }

// read reads the counters of workers, sockets and the process.
func (r *rig) read(tallies []tally) (reading, error) {
	n := reading{at: time.Now()}
	for i := range tallies {
		t := &tallies[i]
		n.packets += t.packets.Load()
		n.bytes += t.bytes.Load()
		n.turns += t.turns.Load()
		n.drops.TXFull += t.noRoom.Load()
	}
	for _, s := range r.sockets {
		c := s.Calls()
		n.calls.kicks += c.Kicks
		n.calls.wakeups += c.Wakeups
		n.calls.waits += c.Waits
		k, err := s.Statistics()
		if err != nil {
			return n, err
		}
		n.drops.RX += k.RXDropped
		n.drops.RingFull += k.RXRingFull
		n.drops.FillEmpty += k.FillEmpty
		n.drops.Invalid += k.RXInvalid + k.TXInvalid
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return n, fmt.Errorf("reading the CPU time: %w", err)
	}
	n.user, n.system = time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano())
	return n, nil
}

// since returns the figures of the time between two readings.
func (n reading) since(before reading) Figures {
	f := Figures{
		Seconds: n.at.Sub(before.at).Seconds(),
		Packets: n.packets - before.packets, Bytes: n.bytes - before.bytes,
		Drops: n.drops.minus(before.drops),
		User:  int64(n.user - before.user), System: int64(n.system - before.system),
		Kicks: n.calls.kicks - before.calls.kicks, Wakeups: n.calls.wakeups - before.calls.wakeups, Waits: n.calls.waits - before.calls.waits,
	}
	f.Dropped = f.Drops.total()
	f.CPU = f.User + f.System
	f.Syscalls = f.Kicks + f.Wakeups + f.Waits
	f.PPS = float64(f.Packets) / f.Seconds
	f.Mbps = float64(f.Bytes) * 8 / 1e6 / f.Seconds
	if turns := n.turns - before.turns; turns > 0 {
		f.MeanBatch = float64(f.Packets) / float64(turns)
	}
	return f
}
