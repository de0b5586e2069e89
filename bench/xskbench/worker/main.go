// SPDX-License-Identifier: Apache-2.0

// Command worker is what package xskbench measures. It is called so:
//
//	worker CONTENDER receive|send|forward IN OUT BATCH SIZE PACKETS CPU SOFTIRQ
//
// IN and OUT are devices, SIZE is a frame's in bytes, CPU is where all of it
// runs, and SOFTIRQ the file that tells the CPU time of the kernel's thread that
// takes softirqs over there. Descriptor 3 is an XSKMAP, for the socket on queue
// 0 of IN; descriptor 4 a program that sends what it is run with to IN. It
// prints the nanoseconds of CPU time that a packet took, a tenth of the packets
// having gone before, and how much another tenth allocated. The peer in C is
// called alike, and prints the time only.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"clearway/bench/harness"
)

const (
	socketsFD   = 3
	generatorFD = 4
)

const (
	// burst is how many packets are generated at once, as each call for it has to
	// make and free buffers.
	burst    = 1024
	ringSize = 2048
	chunks   = 4096
)

// contender does each of the works with one burst of packets, in batches.
type contender interface {
	receive() error
	send() error
	forward() error
}

// task is what the arguments say.
type task struct {
	in, out     string
	batch, size int
	frame       []byte
}

func main() {
	runtime.LockOSThread()
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 10 {
		return fmt.Errorf("%d arguments", len(args)-1)
	}
	var numbers [4]int // batch, size, packets, CPU
	for i := range numbers {
		n, err := strconv.Atoi(args[5+i])
		if err != nil {
			return err
		}
		numbers[i] = n
	}
	t := newTask(args[3], args[4], numbers[0], numbers[1])
	if err := harness.Pin(numbers[3]); err != nil {
		return err
	}
	make := newSockets
	if args[1] == "packet" {
		make = newPackets
	}
	c, err := make(t)
	if err != nil {
		return err
	}
	work := map[string]func() error{"receive": c.receive, "send": c.send, "forward": c.forward}[args[2]]
	if work == nil {
		return fmt.Errorf("there is no work %q", args[2])
	}
	ns, allocations, err := measure(work, numbers[2]/burst, args[9])
	if err == nil {
		fmt.Printf("%.3f %d\n", ns/float64(burst), allocations)
	}
	return err
}

func newTask(in, out string, batch, size int) *task {
	t := &task{in: in, out: out, batch: batch, size: size, frame: make([]byte, size)}
	copy(t.frame, "\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x88\xb5")
	return t
}

// measure returns the CPU time of one burst of many.
func measure(work func() error, bursts int, softirq string) (ns float64, allocations uint64, err error) {
	if err := repeat(work, bursts/10); err != nil {
		return 0, 0, err
	}
	start, err := spent(softirq)
	if err != nil {
		return 0, 0, err
	}
	if err := repeat(work, bursts); err != nil {
		return 0, 0, err
	}
	end, err := spent(softirq)
	if err != nil {
		return 0, 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = repeat(work, bursts/10)
	runtime.ReadMemStats(&after)
	return float64(end-start) / float64(bursts), after.Mallocs - before.Mallocs, err
}

func repeat(work func() error, times int) error {
	for range times {
		if err := work(); err != nil {
			return err
		}
	}
	return nil
}

// spent is the CPU time of this thread and of the kernel's for softirqs.
func spent(softirq string) (time.Duration, error) {
	others, err := harness.ProcessTime(softirq)
	return harness.ThreadTime() + others, err
}

// yield lets the thread run that takes softirqs over.
func yield() { unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
