// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Mode says where the program runs.
type Mode uint8

// The modes of a program. [Program.Native] tells which was obtained.
const (
	// PreferNative runs in the driver where it can, else in the network stack.
	PreferNative Mode = iota
	// Native runs in the driver or fails.
	Native
	// Generic runs in the network stack, on every device, and slowly.
	Generic
)

// Options is the blueprint of a [Program].
type Options struct {
	Ifindex int // of the device; required
	Mode    Mode
	// Queues is how many queues can have a socket; default 64.
	Queues int
	// Rules, at most 500, say which packets go to sockets: those that match one of
	// them. With no rule, all.
	Rules []Rule
	// MultiBuffer accepts packets of more than one buffer, for sockets opened with
	// MultiBuffer. Needs Linux 5.18.
	MultiBuffer bool
	// Netlink attaches by RTM_SETLINK, as is done without asking where the kernel
	// has no links for XDP (before 5.9). A program attached so stays when the
	// process ends without Close.
	Netlink bool
}

// Program is an attached program and its map of sockets. Its methods are safe
// for concurrent use, but for Close.
type Program struct {
	sockets    *ebpf.Map
	program    *ebpf.Program
	attachment attachment
	native     bool
}

// attachment is a way to be attached: a link, or what netlink set.
type attachment interface {
	Close() error
}

// Attach loads a program and attaches it to a device, in the network namespace
// of the calling thread. The caller must close the program, which detaches it.
//
// Returns a *[ForeignError] if the device has a program of someone else, which
// stays as it is. If the kernel's verifier refuses the program, the error is
// one line, and all of the verifier's log with %+v of the
// *[ebpf.VerifierError] inside. It needs CAP_BPF and CAP_NET_ADMIN.
func Attach(o Options) (_ *Program, err error) {
	if o.Queues == 0 {
		o.Queues = 64
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("xskprog on interface %d: %w", o.Ifindex, err)
		}
	}()
	if o.Ifindex < 1 || o.Queues < 0 || o.Mode > Generic {
		return nil, fmt.Errorf("bad options: %+v", o)
	}
	if err := rlimit.RemoveMemlock(); err != nil { // only done, and needed, before Linux 5.11
		return nil, fmt.Errorf("lifting the limit of locked memory: %w", err)
	}
	p := new(Program)
	if err := p.load(o); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if err := p.attach(o); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Program) load(o Options) (err error) {
	p.sockets, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "xsk_sockets", Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: uint32(o.Queues),
	})
	if err != nil {
		return fmt.Errorf("making the map of sockets: %w", err)
	}
	insns, err := assemble(p.sockets.FD(), o.Rules)
	if err != nil {
		return err
	}
	p.program, err = loadProgram(insns, o.MultiBuffer)
	return err
}

func loadProgram(insns asm.Instructions, multiBuffer bool) (*ebpf.Program, error) {
	spec := &ebpf.ProgramSpec{Name: "xsk_redirect", Type: ebpf.XDP, License: "Dual BSD/GPL", Instructions: insns}
	if multiBuffer {
		spec.Flags |= unix.BPF_F_XDP_HAS_FRAGS
	}
	p, err := ebpf.NewProgram(spec)
	if err != nil {
		return nil, fmt.Errorf("loading the program: %w", err)
	}
	return p, nil
}

// Register makes packets of a queue go to the AF_XDP socket with a descriptor,
// which must be bound to that queue of the device: else they are dropped. A
// socket that is closed leaves by itself. One that can only send is refused; Linux
// 5.10 doesn't tell, and crashes at the first packet for it.
func (p *Program) Register(queue, fd int) error {
	// Kernels from 5.10 to 7.0 take a socket without an RX ring, and crash. From
	// 5.11 on receiving is refused for that first of all (net/xdp/xsk.c, xsk_recvmsg).
	_, _, err := unix.Recvfrom(fd, nil, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if errors.Is(err, unix.ENOBUFS) {
		err = fmt.Errorf("it has no RX ring: open it to receive: %w", err)
	} else {
		err = p.sockets.Put(uint32(queue), uint32(fd))
	}
	if err != nil {
		return fmt.Errorf("registering the socket of queue %d of %d: %w", queue, p.sockets.MaxEntries(), err)
	}
	return nil
}

// Unregister makes packets of a queue go to Linux. That there is no socket is
// no error.
func (p *Program) Unregister(queue int) error {
	if err := p.sockets.Delete(uint32(queue)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("unregistering the socket of queue %d: %w", queue, err)
	}
	return nil
}

// Native tells whether the program runs in the driver.
func (p *Program) Native() bool { return p.native }

// Close detaches the program and releases it. Sockets stay open. Later calls
// do nothing.
func (p *Program) Close() error {
	var errs []error
	if p.attachment != nil {
		errs = append(errs, p.attachment.Close())
		p.attachment = nil
	}
	if p.program != nil {
		errs = append(errs, p.program.Close())
	}
	if p.sockets != nil {
		errs = append(errs, p.sockets.Close())
	}
	return errors.Join(errs...)
}
