// SPDX-License-Identifier: Apache-2.0

package xskbench

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"clearway/internal/topo"
)

// The lab is a host between its own generator and a sink:
//
//	generator g0 ── veth ── i0  contender  o0 ── veth ── s0 sink
//
// g0 is in the host too, as a program in live frames mode sends by devices of
// the namespace that it is run in.
const (
	host      = "host"
	inDevice  = "i0"
	outDevice = "o0"
)

type lab struct {
	topo.Lab
	sockets   *ebpf.Map     // an XSKMAP
	generator *ebpf.Program // sends by g0
	links     []link.Link
}

func newLab(ctx context.Context, withSockets bool) (_ *lab, err error) {
	in := topo.End{Host: host, Name: inDevice, NAPI: topo.NAPIByGRO}
	if withSockets {
		in.NAPI = topo.NAPINone
	}
	l := &lab{Lab: topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent(host), topo.Silent("sink")},
		Links: []topo.Link{
			{A: in, B: topo.End{Host: host, Name: "g0", NAPI: topo.NAPINone}},
			{A: topo.End{Host: host, Name: outDevice, NAPI: topo.NAPINone}, B: topo.End{Host: "sink", Name: "s0", NAPI: topo.NAPIByGRO}},
		},
	}}
	if err := l.Up(ctx); err != nil {
		return nil, err
	}
	if err := l.load(withSockets); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// load makes the programs. That of sockets is package xskprog's without rules;
// C and ours share one, so that the kernel does the same for both.
func (l *lab) load(withSockets bool) error {
	g0, err := l.Host(host).Interface("g0")
	if err != nil {
		return err
	}
	l.generator, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "generate", Type: ebpf.XDP, License: "Apache-2.0", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R1, int32(g0.Index)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return(),
	}})
	if err != nil {
		return fmt.Errorf("loading the generator: %w", err)
	}
	// Nothing arrives there. But for a program that is attached nowhere the kernel
	// patches its code before and after each run, and interrupts all CPUs for it.
	if err := l.attach("g0", l.generator); err != nil {
		return err
	}
	l.sockets, err = ebpf.NewMap(&ebpf.MapSpec{Name: "sockets", Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil || !withSockets {
		return err
	}
	redirect, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "redirect", Type: ebpf.XDP, License: "Apache-2.0", Instructions: asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 16, asm.Word), // rx_queue_index
		asm.LoadMapPtr(asm.R1, l.sockets.FD()), asm.Mov.Imm(asm.R3, 2), asm.FnRedirectMap.Call(), asm.Return(),
	}})
	if err != nil {
		return fmt.Errorf("loading the program for sockets: %w", err)
	}
	defer redirect.Close()
	return l.attach(inDevice, redirect)
}

func (l *lab) attach(device string, p *ebpf.Program) error {
	i, err := l.Host(host).Interface(device)
	if err != nil {
		return err
	}
	return l.Host(host).Do(func() error {
		link, err := link.AttachXDP(link.XDPOptions{Program: p, Interface: i.Index, Flags: link.XDPDriverMode})
		if err == nil {
			l.links = append(l.links, link)
		}
		return err
	})
}

// Close removes all of it.
func (l *lab) Close() error {
	var errs []error
	for _, link := range l.links {
		errs = append(errs, link.Close())
	}
	if l.sockets != nil {
		errs = append(errs, l.sockets.Close())
	}
	if l.generator != nil {
		errs = append(errs, l.generator.Close())
	}
	return errors.Join(append(errs, l.Lab.Close())...)
}
