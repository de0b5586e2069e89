// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Pin keeps the calling thread on one CPU and free of signals, which would cut
// a long test run short. The caller has locked the thread and lets it end.
func Pin(cpu int) error {
	var only unix.CPUSet
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return fmt.Errorf("moving to CPU %d: %w", cpu, err)
	}
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil); err != nil {
		return fmt.Errorf("blocking signals: %w", err)
	}
	return nil
}

// ThreadTime is the CPU time that the calling thread has used, softirqs that
// ran on top of it included.
func ThreadTime() time.Duration {
	var t unix.Timespec
	// It can't fail: the clock is older than BPF.
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// SoftirqThread finds the kernel thread that takes softirqs over from others on
// a CPU when they become too many: its schedstat under /proc, for ProcessTime.
func SoftirqThread(cpu int) (schedstat string, err error) {
	want := fmt.Sprintf("ksoftirqd/%d\n", cpu)
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		// A process that has gone meanwhile isn't the one.
		if comm, err := os.ReadFile(name); err == nil && string(comm) == want {
			return filepath.Join(filepath.Dir(name), "schedstat"), nil
		}
	}
	return "", fmt.Errorf("finding the thread ksoftirqd/%d: it is not under /proc", cpu)
}

// ProcessTime is the CPU time that a thread has used, by its schedstat.
func ProcessTime(schedstat string) (time.Duration, error) {
	b, err := os.ReadFile(schedstat)
	if err != nil {
		return 0, fmt.Errorf("reading a thread's CPU time: %w", err)
	}
	ns, _, _ := bytes.Cut(b, []byte(" "))
	n, err := strconv.ParseInt(string(ns), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading a thread's CPU time: %w", err)
	}
	return time.Duration(n), nil
}
