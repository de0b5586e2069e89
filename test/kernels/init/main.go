// SPDX-License-Identifier: Apache-2.0

// Command init is process 1 of a test machine: it mounts what a Linux system
// has, loads the modules of its plan, runs the plan's test binaries with their
// output on the first serial port, and switches the machine off.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"clearway/test/kernels/job"

	"golang.org/x/sys/unix"
)

func main() {
	// Only process 1 of a machine of its own may mount and power off.
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: not process 1: the runner in test/kernels starts this in a virtual machine")
		os.Exit(2)
	}
	if err := mountAll(); err != nil {
		// The kernel's console is all there is yet. Returning from process 1
		// is a panic, which ends the machine and leaves this line in its log.
		fmt.Fprintln(os.Stderr, "init:", err)
		return
	}
	serial, err := os.OpenFile("/dev/ttyS0", os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "init: opening the serial port for results:", err)
		return
	}
	out := &lines{w: serial}
	if err := runPlan(out); err != nil {
		out.mark(job.Marker{Kind: job.Error, Text: err.Error()})
	} else {
		out.mark(job.Marker{Kind: job.Done})
	}
	// TCSBRK with a non-zero argument waits until the last byte has left.
	_ = unix.IoctlSetInt(int(serial.Fd()), unix.TCSBRK, 1)
	err = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Fprintln(os.Stderr, "init: powering off:", err)
}

func runPlan(out *lines) error {
	data, err := os.ReadFile(job.PlanPath)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	var plan job.Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	for _, path := range plan.Modules {
		if err := loadModule(path); err != nil {
			return err
		}
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	release, err := kernelRelease()
	if err != nil {
		return err
	}
	out.mark(job.Marker{Kind: job.Boot, Name: release})
	for _, j := range plan.Jobs {
		runJob(out, j)
	}
	return nil
}

func runJob(out *lines, j job.Job) {
	out.mark(job.Marker{Kind: job.Begin, Name: j.Name})
	start := time.Now()
	cmd := exec.Command(j.Path, j.Args...)
	cmd.Dir, cmd.Env = j.Dir, j.Env
	cmd.Stdout, cmd.Stderr = out, out
	// A child that the test left behind may hold the pipe; don't wait for it.
	cmd.WaitDelay = 2 * time.Second

	exit := 0
	var exited *exec.ExitError
	switch err := cmd.Run(); {
	case err == nil:
	case errors.As(err, &exited) && exited.Exited():
		exit = exited.ExitCode()
	case errors.Is(err, exec.ErrWaitDelay):
		fmt.Fprintln(out, "init:", j.Path, "left processes behind that hold its output")
		exit = -1
	default:
		fmt.Fprintln(out, "init: running", j.Path+":", err)
		exit = -1
	}
	out.mark(job.Marker{Kind: job.End, Name: j.Name, Exit: exit, Took: time.Since(start)})
}

// lines passes bytes on and sees to it that markers begin a line, also after
// output that doesn't end in a newline. For one goroutine at a time: os/exec
// copies both streams of a job in one as long as they are the same writer.
type lines struct {
	w       io.Writer
	midLine bool
}

func (l *lines) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.midLine = !bytes.HasSuffix(p, []byte("\n"))
	}
	return l.w.Write(p)
}

func (l *lines) mark(m job.Marker) {
	if l.midLine {
		fmt.Fprintln(l)
	}
	fmt.Fprintln(l, m)
}
