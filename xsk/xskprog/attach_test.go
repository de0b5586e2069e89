// SPDX-License-Identifier: Apache-2.0

package xskprog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// By link and by netlink, in each mode: the program is there, does its work,
// and is gone after Close.
func TestAttach(t *testing.T) {
	for _, netlink := range []bool{false, true} {
		for _, mode := range []xskprog.Mode{xskprog.PreferNative, xskprog.Native, xskprog.Generic} {
			t.Run(fmt.Sprint("netlink ", netlink, " mode ", mode), func(t *testing.T) {
				a, b := newPair(t)
				r := newReceiver(t, b)
				p := attach(t, b, xskprog.Options{Mode: mode, Netlink: netlink})
				if p.Native() != (mode != xskprog.Generic) {
					t.Errorf("native: %v", p.Native())
				}
				if err := p.Register(0, r.FD()); err != nil {
					t.Fatal(err)
				}
				s, err := wire.NewSender(a, "eth0")
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if err := s.Send(frame().IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Bytes()); err != nil {
					t.Fatal(err)
				}
				deadline := time.Now().Add(2 * time.Second)
				for len(r.take(t)) == 0 {
					if time.Now().After(deadline) {
						t.Fatal("nothing received")
					}
				}
				if i, _ := b.Interface("eth0"); i.Program == 0 {
					t.Error("no program is attached")
				}
				detach(t, b, p)
				if i, _ := b.Interface("eth0"); i.Program != 0 {
					t.Error("a program is still attached")
				}
			})
		}
	}
}

func TestMultiBuffer(t *testing.T) {
	testkit.RequireKernel(t, "5.18", "multi-buffer XDP")
	a, b := newPair(t)
	if err := errors.Join(a.SetMTU("eth0", 9000), b.SetMTU("eth0", 9000)); err != nil {
		t.Fatal(err)
	}
	attach(t, b, xskprog.Options{Mode: xskprog.Native, MultiBuffer: true})
}

// Another's program is refused by name and number and goes on; so is an own
// one by an own one.
func TestForeignProgram(t *testing.T) {
	for _, netlink := range []bool{false, true} {
		_, b := newPair(t)
		attach(t, b, xskprog.Options{Netlink: netlink})
		before, err := b.Interface("eth0")
		if err != nil {
			t.Fatal(err)
		}
		for _, second := range []bool{false, true} {
			for _, mode := range []xskprog.Mode{xskprog.PreferNative, xskprog.Generic} {
				_, err := tryAttach(t, b, xskprog.Options{Netlink: second, Mode: mode})
				var foreign *xskprog.ForeignError
				if !errors.As(err, &foreign) || foreign.ID != before.Program || foreign.Name != "xsk_redirect" {
					t.Errorf("error %v, want one of program %d", err, before.Program)
				}
			}
		}
		if after, _ := b.Interface("eth0"); after.Program != before.Program {
			t.Errorf("program %d instead of %d", after.Program, before.Program)
		}
	}
}

// A netlink attachment that someone has replaced is left alone.
func TestReplacedByAnother(t *testing.T) {
	_, b := newPair(t)
	p := attach(t, b, xskprog.Options{Netlink: true})
	ifindex := index(t, b)
	if err := b.Do(func() error { return xskprog.Wipe(ifindex) }); err != nil {
		t.Fatal(err)
	}
	other := attach(t, b, xskprog.Options{Netlink: true})
	detach(t, b, p)
	if i, _ := b.Interface("eth0"); i.Program == 0 {
		t.Error("the other's program was detached")
	}
	detach(t, b, other)
}

// What the kernel says beside the number of the error comes through.
func TestExtendedAck(t *testing.T) {
	a, b := newPair(t)
	if err := errors.Join(a.SetMTU("eth0", 9000), b.SetMTU("eth0", 9000)); err != nil {
		t.Fatal(err)
	}
	_, err := tryAttach(t, b, xskprog.Options{Netlink: true, Mode: xskprog.Native})
	if err == nil || !strings.Contains(err.Error(), "MTU") {
		t.Errorf("error %v, want one that says MTU", err)
	}
	_, err = tryAttach(t, b, xskprog.Options{})
	if err != nil {
		t.Errorf("PreferNative doesn't fall back: %v", err)
	}
}

// A queue without a socket leaves its packets to Linux.
func TestQueueWithoutSocket(t *testing.T) {
	a, b := newPair(t)
	p := attach(t, b, xskprog.Options{})
	r := newReceiver(t, b)
	s, linux := newEnds(t, a, b)
	for i, step := range []struct {
		do    func() error
		linux int
	}{
		{func() error { return nil }, 1},
		{func() error { return p.Register(0, r.FD()) }, 0},
		{func() error { return p.Unregister(0) }, 1},
		{func() error { return p.Unregister(0) }, 1},
		{func() error { return p.Register(0, r.FD()) }, 0},
		{r.Close, 1}, // a closed socket leaves by itself
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if err := s.Send(ip4().UDP(1, 2).Bytes()); err != nil {
			t.Fatal(err)
		}
		frames, err := linux.Until(50 * time.Millisecond)
		if err != nil || len(frames) != step.linux {
			t.Errorf("step %d: %d frames to Linux, want %d: %v", i, len(frames), step.linux, err)
		}
	}
}

// What the verifier refuses is told in one line, which says why, and with the
// whole log for who asks for it.
func TestVerifierError(t *testing.T) {
	testkit.RequireRoot(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	err := xskprog.Load(asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word), // data, whose end isn't looked at
		asm.LoadMem(asm.R0, asm.R2, 12, asm.Half),
		asm.Return(),
	})
	var refused *ebpf.VerifierError
	if !errors.As(err, &refused) {
		t.Fatalf("error %v, want one of the verifier", err)
	}
	line, whole := err.Error(), fmt.Sprintf("%+v", refused)
	if !strings.HasPrefix(line, "loading the program: ") || !strings.Contains(line, "invalid access to packet") || strings.Contains(line, "\n") {
		t.Errorf("the error is %q", line)
	}
	if lines := strings.Count(whole, "\n"); lines < 3 || !strings.Contains(whole, "r2 = *(u32 *)(r1 +0)") {
		t.Errorf("the log has %d lines: %s", lines, whole)
	}
}

func TestBadAttach(t *testing.T) {
	_, b := newPair(t)
	p := attach(t, b, xskprog.Options{Queues: 2})
	udp, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(udp)
	for _, tt := range []struct {
		name      string
		queue, fd int
		want      error
	}{
		{"a queue too many", 2, newReceiver(t, b).FD(), unix.E2BIG},
		{"no AF_XDP socket", 0, udp, unix.EOPNOTSUPP},
		{"no socket that is open", 0, -1, unix.EBADF},
	} {
		if err := p.Register(tt.queue, tt.fd); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, o := range []xskprog.Options{{}, {Ifindex: -1}, {Ifindex: 1, Queues: -1}, {Ifindex: 1, Mode: 9}, {Ifindex: 99999}} {
		if p, err := xskprog.Attach(o); err == nil {
			p.Close()
			t.Errorf("%+v: no error", o)
		}
	}
}

// A socket without an RX ring never gets into the map: its first packet would crash
// the kernel.
func TestRegisterSender(t *testing.T) {
	testkit.RequireKernel(t, "5.11", "a kernel that tells whether a socket has an RX ring")
	_, b := newPair(t)
	p := attach(t, b, xskprog.Options{})
	umem, err := xsk.NewUMEM(xsk.UMEMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer umem.Close()
	ifindex := index(t, b)
	err = b.Do(func() error {
		s, err := xsk.Open(umem, xsk.Options{Ifindex: ifindex, NoRX: true})
		if err != nil {
			return err
		}
		defer s.Close()
		if err := p.Register(0, s.FD()); !errors.Is(err, unix.ENOBUFS) {
			t.Errorf("error %v, want %v", err, unix.ENOBUFS)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
