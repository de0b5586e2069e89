// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// testRun is union bpf_attr of BPF_PROG_TEST_RUN, Linux include/uapi/linux/bpf.h.
type testRun struct {
	program, result     uint32
	sizeIn, sizeOut     uint32
	dataIn, dataOut     uint64
	repeat, duration    uint32
	contextIn           uint32
	contextOut          uint32
	contextInAt         uint64
	contextOutAt        uint64
	flags, cpu, batches uint32
	_                   uint32
}

// generate makes the kernel put a burst of frames on the way to IN. It is a bare
// call, as in C: that of cilium/ebpf takes four microseconds more, which would
// count as cost of the packets.
func (t *task) generate() error {
	run := testRun{
		program: generatorFD, sizeIn: uint32(t.size), dataIn: uint64(uintptr(unsafe.Pointer(&t.frame[0]))),
		repeat: burst, batches: uint32(t.batch), flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES,
	}
	_, _, errno := unix.RawSyscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&run)), unsafe.Sizeof(run))
	if errno != 0 {
		return fmt.Errorf("generating: %w", errno)
	}
	return nil
}
