// SPDX-License-Identifier: Apache-2.0

package xskbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"clearway/bench/measure"
)

// sample lets a contender work on so many packets and returns the nanoseconds
// of CPU time that each took. A contender waits for each packet: when others use
// the CPU a queue may overflow, and then the sample is taken again.
func (c contender) sample(ctx context.Context, o measure.Options, work string, packets int) (ns float64, err error) {
	const tries = 3
	for range tries {
		if ns, err = c.try(ctx, o, work, packets); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return ns, err
		}
	}
	return 0, fmt.Errorf("%s: packets got lost %d times in a row: is the machine busy? %w", c.name, tries, err)
}

func (c contender) try(ctx context.Context, o measure.Options, work string, packets int) (ns float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.Duration+sampleLimit)
	defer cancel()
	softirq, err := softirqThread(o.CPU)
	if err != nil {
		return 0, err
	}
	files, err := c.lab.files()
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	numbers := []int{batch, size, packets, o.CPU}
	args := []string{c.kind, work, inDevice, outDevice}
	for _, n := range numbers {
		args = append(args, strconv.Itoa(n))
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, append(args, softirq)...)
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = files, &stdout, &stderr
	if err := c.lab.Host(host).Start(cmd); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", c.name, errors.Join(ctx.Err(), err), strings.TrimSpace(stderr.String()))
	}
	ns, err = strconv.ParseFloat(strings.TrimSpace(stdout.String()), 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	return ns, nil
}

// softirqThread returns the file that tells the CPU time of the kernel's thread
// that takes softirqs over on a CPU.
func softirqThread(cpu int) (string, error) {
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

// files are the descriptors that a contender inherits, from 3 on.
func (l *lab) files() ([]*os.File, error) {
	var files []*os.File
	for _, fd := range []int{l.sockets.FD(), l.generator.FD()} {
		copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, os.NewSyscallError("fcntl", err)
		}
		files = append(files, os.NewFile(uintptr(copied), "bpf"))
	}
	return files, nil
}
