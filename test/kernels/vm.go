// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const emulator = "qemu-system-x86_64"

// vm is one start of an emulated machine. Its first serial port is the
// tests' output, its second one, a file, the kernel's console: what the kernel
// says never cuts a test's line in two.
type vm struct {
	Kernel, Initramfs string
	Console           string        // file for the kernel's log
	Limit             time.Duration // for all of it
	Tee               io.Writer     // gets each line as it comes
}

// run starts the machine and reads what it says until it is off. The report is
// good as far as it goes also when err is not nil.
func (m vm) run(ctx context.Context) (*report, error) {
	r := &report{}
	if _, err := exec.LookPath(emulator); err != nil {
		return r, fmt.Errorf("%w: %s: install the package qemu-system-x86", errMissing, emulator)
	}
	ctx, cancel := context.WithTimeout(ctx, m.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, emulator, m.args()...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	// No machine outlives its runner, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("starting the machine: %w", err)
	}
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.feed(line, time.Since(start))
			io.WriteString(m.Tee, line)
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return r, fmt.Errorf("the machine was still running after %v", m.Limit)
	case err != nil:
		return r, fmt.Errorf("running the machine: %w: %s", err, strings.TrimSpace(stderr.String()))
	case r.Error != "":
		return r, fmt.Errorf("init: %s", r.Error)
	case !r.Done:
		return r, errors.New("the machine went off before the end of its plan")
	}
	return r, nil
}

func (m vm) args() []string {
	args := []string{
		"-accel", "tcg", "-cpu", "max", "-m", "1G", "-smp", "2",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-serial", "stdio", "-serial", "file:" + m.Console,
		"-kernel", m.Kernel, "-initrd", m.Initramfs,
		// Warnings and worse on the console; a panic ends the machine at once.
		"-append", "console=ttyS1,115200 loglevel=5 panic=-1 rdinit=/init",
	}
	// Four virtio ports on two wires: eth0 to eth1, and eth2 to eth3. AF_XDP's
	// zero-copy wants a device that addresses memory by the platform's DMA, and
	// so no legacy one.
	for port := range 4 {
		args = append(args,
			"-netdev", fmt.Sprintf("hubport,id=port%d,hubid=%d", port, port/2),
			"-device", fmt.Sprintf("virtio-net-pci,netdev=port%d,romfile=,disable-legacy=on,iommu_platform=on", port))
	}
	return args
}
