// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// The frame's head is put back before every run, since the programs change it.
// What lies behind the least frame may be trimmed.
const restoredBytes = 60

const (
	measureRounds = 9
	measureRepeat = 100_000
)

// Measure tells what the programs take for a frame that comes in by a port, net
// of what a test run takes for a program that does nothing: the median of
// several rounds. It runs a copy of the live programs with the live tables and
// counts nowhere. A frame whose VLAN tag would change can't be measured. It
// takes some hundred milliseconds of one CPU, and needs kernel 5.14.
func (d *Dataplane) Measure(ifindex int, frame []byte) (time.Duration, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.follow(); err != nil {
		return 0, err
	}
	copied, err := newTwin(d.root, &d.manifest, false)
	if err != nil {
		return 0, err
	}
	defer copied.coll.Close()
	idle, err := newIdle()
	if err != nil {
		return 0, err
	}
	defer idle.Close()
	var net []time.Duration
	for range measureRounds {
		base, err := timeProgram(idle, ifindex, frame)
		if err != nil {
			return 0, err
		}
		total, err := timeProgram(copied.coll.Programs["decide"], ifindex, frame)
		if err != nil {
			return 0, err
		}
		net = append(net, total-base)
	}
	slices.Sort(net)
	return net[len(net)/2], nil
}

func newIdle() (*ebpf.Program, error) {
	p, err := ebpf.NewProgram(xdpSpec(asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}))
	if err != nil {
		return nil, advise("loading the empty program", err)
	}
	return p, nil
}

func xdpSpec(code asm.Instructions) *ebpf.ProgramSpec {
	// All programs of a chain must agree on attach type and frags.
	spec := &ebpf.ProgramSpec{Type: ebpf.XDP, AttachType: ebpf.AttachXDP, Instructions: code, License: "GPL"}
	if probeKernel().frags {
		spec.Flags = unix.BPF_F_XDP_HAS_FRAGS
	}
	return spec
}

// timeProgram gives the time of one run, the putting back of the frame included.
func timeProgram(p *ebpf.Program, ifindex int, frame []byte) (time.Duration, error) {
	restore, targets, err := newRestorer(frame[:min(len(frame), restoredBytes)&^3], p)
	if err != nil {
		return 0, err
	}
	defer restore.Close()
	defer targets.Close()
	// struct xdp_md
	context := []uint32{0, uint32(len(frame)), 0, uint32(ifindex), 0, 0}
	start := threadTime()
	_, err = restore.Run(&ebpf.RunOptions{Data: frame, Context: context, Repeat: measureRepeat})
	if err != nil {
		return 0, advise("running the program", err)
	}
	return (threadTime() - start) / measureRepeat, nil
}

// threadTime is the CPU time of this thread: the wall's is that of others, too.
func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(fmt.Sprintf("reading the thread's clock: %v", err)) // there since Linux 2.6.12
	}
	return time.Duration(ts.Nano())
}

// newRestorer makes a program that writes head over the beginning of the frame
// and calls the target. The caller closes both.
func newRestorer(head []byte, target *ebpf.Program) (*ebpf.Program, *ebpf.Map, error) {
	targets, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return nil, nil, advise("making the program array", err)
	}
	if err := targets.Put(uint32(0), target); err != nil {
		targets.Close()
		return nil, nil, advise("filling the program array", err)
	}
	code := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(len(head))),
		asm.JGT.Reg(asm.R4, asm.R3, "end"),
	}
	for at := 0; at < len(head); at += 4 {
		word := int64(int32(binary.NativeEndian.Uint32(head[at:])))
		code = append(code, asm.StoreImm(asm.R2, int16(at), word, asm.Word))
	}
	code = append(code,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.LoadMapPtr(asm.R2, targets.FD()),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnTailCall.Call(),
		asm.Mov.Imm(asm.R0, 2).WithSymbol("end"),
		asm.Return(),
	)
	program, err := ebpf.NewProgram(xdpSpec(code))
	if err != nil {
		targets.Close()
		return nil, nil, advise("loading the restoring program", err)
	}
	return program, targets, nil
}
