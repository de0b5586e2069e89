// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"clearway/internal/topo"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// These are the selftest cases whose XDP program does something of its own
// before it redirects to the socket of queue 0.

// before are instructions that keep the context in R6.
type before asm.Instructions

// load loads the packet into R2, up to R3, and passes it if it is short.
func load(n int32) before {
	return before{
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word), // data
		asm.LoadMem(asm.R3, asm.R6, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R4, asm.R2), asm.Add.Imm(asm.R4, n), asm.JGT.Reg(asm.R4, asm.R3, "redirect"),
	}
}

// adjust calls a helper with the context and a number.
func adjust(fn asm.BuiltinFunc, n int32) before {
	return before{asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, n), fn.Call(), asm.JNE.Imm(asm.R0, 0, "drop")}
}

// attachOwn attaches a program to b's eth0 and gives it a socket.
func attachOwn(t *testing.T, h *topo.Host, mode xskprog.Mode, flags uint32, parts []before, to *port) {
	t.Helper()
	sockets, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.Close()
	if err := sockets.Put(uint32(0), uint32(to.FD())); err != nil {
		t.Fatal(err)
	}
	insns := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	for _, p := range parts {
		insns = append(insns, p...)
	}
	insns = append(insns,
		asm.Mov.Imm(asm.R2, 0).WithSymbol("redirect"), asm.LoadMapPtr(asm.R1, sockets.FD()), asm.Mov.Imm(asm.R3, 0),
		asm.FnRedirectMap.Call(), asm.Return(),
		asm.Mov.Imm(asm.R0, 1).WithSymbol("drop"), asm.Return(),
	)
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "Dual BSD/GPL", Instructions: insns, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	where := link.XDPDriverMode
	if mode == xskprog.Generic {
		where = link.XDPGenericMode
	}
	ifindex := index(t, h, "eth0")
	var l link.Link
	err = h.Do(func() (err error) {
		l, err = link.AttachXDP(link.XDPOptions{Program: program, Interface: ifindex, Flags: where})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// own opens a sender and a receiver behind a program.
func own(t *testing.T, v variant, mtu int, o xsk.Options, parts ...before) (from, to *port) {
	t.Helper()
	var flags uint32
	if o.MultiBuffer {
		requireMultiBuffer(t)
		flags = unix.BPF_F_XDP_HAS_FRAGS
	}
	lab := newPair(t, mtu)
	o.NoNeedWakeup = v.noNeedWakeup
	from, to = open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), o), open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), o)
	attachOwn(t, lab.b, v.mode, flags, parts, to)
	return from, to
}

func TestXDP_DROP_HALF(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		from, to := own(t, v, 0, xsk.Options{}, load(20), before{
			asm.LoadMem(asm.R5, asm.R2, 19, asm.Byte), // the low byte of the packet's number
			asm.And.Imm(asm.R5, 1), asm.JNE.Imm(asm.R5, 0, "drop"),
		})
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		for first := uint32(0); first < 1000; first += 100 { // which a veth's own ring holds
			if err := from.send(ctx, first, 100, 64, nil); err != nil {
				t.Fatal(err)
			}
			if err := to.receive(ctx, first, 2, 50, 64, new(counter)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// copyMeta copies the packet's number to the metadata area before it.
var copyMeta = []before{adjust(asm.FnXdpAdjustMeta, -4), load(20), {
	asm.LoadMem(asm.R5, asm.R2, 16, asm.Word),
	asm.LoadMem(asm.R4, asm.R6, 8, asm.Word), // data_meta
	asm.Mov.Reg(asm.R1, asm.R4), asm.Add.Imm(asm.R1, 4), asm.JGT.Reg(asm.R1, asm.R2, "drop"),
	asm.StoreMem(asm.R4, 0, asm.R5, asm.Word),
}}

func testMetadataCopy(t *testing.T, mtu int, o xsk.Options) {
	everyWay(t, func(t *testing.T, v variant) {
		from, to := own(t, v, mtu, o, copyMeta...)
		if err := from.send(t.Context(), 0, 200, 64, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		for seen := 0; seen < 200; {
			if err := to.RX.Wait(ctx); err != nil {
				t.Fatal(err)
			}
			a, _ := to.RX.Peek(64)
			for _, d := range a {
				meta := to.umem.Data(xsk.Desc{Addr: d.Addr - 4, Len: 4})
				if number := to.umem.Data(d)[16:20]; !bytes.Equal(meta, number) {
					t.Fatalf("packet %x has %x before it", number, meta)
				}
				seen++
			}
			if err := to.cache.PutAll(a); err != nil {
				t.Fatal(err)
			}
			to.RX.Release(len(a))
		}
	})
}

func TestXDP_METADATA_COPY(t *testing.T) { testMetadataCopy(t, 0, xsk.Options{}) }

func TestXDP_METADATA_COPY_MULTI_BUFF(t *testing.T) {
	testMetadataCopy(t, jumbo, xsk.Options{MultiBuffer: true})
}

// testAdjustTail sends packets that the program makes longer or shorter.
func testAdjustTail(t *testing.T, mtu, size int, by int32, o xsk.Options) {
	everyWay(t, func(t *testing.T, v variant) {
		from, to := own(t, v, mtu, o, adjust(asm.FnXdpAdjustTail, by))
		streamAdjusted(t, from, to, size, by)
	})
}

// streamAdjusted sends packets and checks that they arrive with another length.
func streamAdjusted(t *testing.T, from, to *port, size int, by int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var want [][]byte
	for i := range 20 {
		want = append(want, pattern(i, size))
	}
	if err := from.sendFragments(want, 3000); err != nil {
		t.Fatal(err)
	}
	got, err := to.receiveFragments(ctx, len(want), 64)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if len(got[i]) != size+int(by) || !bytes.Equal(got[i][:size+int(min(by, 0))], want[i][:size+int(min(by, 0))]) {
			t.Fatalf("packet %d: %d bytes, want %d, or others", i, len(got[i]), size+int(by))
		}
	}
}

func TestXDP_ADJUST_TAIL_SHRINK(t *testing.T) { testAdjustTail(t, 0, 64, -4, xsk.Options{}) }

func TestXDP_ADJUST_TAIL_SHRINK_MULTI_BUFF(t *testing.T) {
	testAdjustTail(t, jumbo, 8000, -4, xsk.Options{MultiBuffer: true})
}

// The kernel has room behind a packet only up to the next cache line.
func TestXDP_ADJUST_TAIL_GROW(t *testing.T) { testAdjustTail(t, 0, 100, 4, xsk.Options{}) }

// A driver may refuse to grow the last of several fragments, as veth does on
// all kernels so far. Then the packet must arrive as it was.
func TestXDP_ADJUST_TAIL_GROW_MULTI_BUFF(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		results, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer results.Close()
		from, to := own(t, v, jumbo, xsk.Options{MultiBuffer: true}, before{
			asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 4), asm.FnXdpAdjustTail.Call(),
			asm.LoadMapValue(asm.R1, results.FD(), 0), asm.StoreMem(asm.R1, 0, asm.R0, asm.Word),
			asm.JEq.Imm(asm.R0, -1000, "drop"), // it never is, but a program must use its end
		})
		if err := from.sendFragments([][]byte{pattern(0, 8000)}, 3000); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if _, err := to.receiveFragments(ctx, 1, 64); err != nil {
			t.Fatal(err)
		}
		var result int32
		if err := results.Lookup(uint32(0), &result); err != nil {
			t.Fatal(err)
		}
		switch unix.Errno(-result) {
		case 0:
			streamAdjusted(t, from, to, 8000, 4)
		case unix.EOPNOTSUPP:
			streamAdjusted(t, from, to, 8000, 0)
		default:
			t.Errorf("bpf_xdp_adjust_tail: %v", unix.Errno(-result))
		}
	})
}
