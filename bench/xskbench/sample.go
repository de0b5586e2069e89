// SPDX-License-Identifier: Apache-2.0

package xskbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"clearway/bench/harness"
)

// contender is a program in a lab.
type contender struct {
	name    string
	program string
	kind    string // the program's first argument
	lab     *lab
}

// figures are what a contender says of itself.
type figures struct {
	ns          float64 // of CPU time a packet
	allocations float64 // of all packets; C doesn't say
}

// size and batch are those of all packets.
const (
	size  = 64
	batch = 64
)

// sampleLimit is far above what a sample takes, also on a busy machine.
const sampleLimit = 30 * time.Second

// sample lets a contender work on so many packets. It waits for each of them:
// when others use the CPU a queue may overflow, and then the sample is taken
// again.
func (c contender) sample(ctx context.Context, o harness.Options, work string, packets int) (f figures, err error) {
	const tries = 3
	for range tries {
		if f, err = c.try(ctx, o, work, packets); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return f, err
		}
	}
	return figures{}, fmt.Errorf("packets got lost %d times in a row: is the machine busy? %w", tries, err)
}

func (c contender) try(ctx context.Context, o harness.Options, work string, packets int) (f figures, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.Duration+sampleLimit)
	defer cancel()
	softirq, err := harness.SoftirqThread(o.CPU)
	if err != nil {
		return figures{}, err
	}
	files, err := c.lab.files()
	if err != nil {
		return figures{}, err
	}
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	args := []string{c.kind, work, inDevice, outDevice}
	for _, n := range []int{batch, size, packets, o.CPU} {
		args = append(args, strconv.Itoa(n))
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, append(args, softirq)...)
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = files, &stdout, &stderr
	if err := c.lab.Host(host).Start(cmd); err != nil {
		return figures{}, err
	}
	if err := cmd.Wait(); err != nil {
		return figures{}, fmt.Errorf("%w: %s", errors.Join(ctx.Err(), err), strings.TrimSpace(stderr.String()))
	}
	if n, err := fmt.Sscan(stdout.String(), &f.ns, &f.allocations); n == 0 {
		return figures{}, fmt.Errorf("reading what it said: %w", err)
	}
	return f, nil
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
