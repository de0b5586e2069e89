// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// withBridge adds a device whose driver has no native XDP.
func (r *router) withBridge(mode Mode) State {
	r.t.Helper()
	if err := r.Host("router").AddDevice(topo.Device{Name: "br9", Kind: topo.Bridge}); err != nil {
		r.t.Fatal(err)
	}
	i, err := r.Host("router").Interface("br9")
	if err != nil {
		r.t.Fatal(err)
	}
	s := r.state
	s.Ports = append(slices.Clone(s.Ports), Port{Name: "br9", Ifindex: i.Index, Mode: mode})
	s.L3 = append(slices.Clone(s.L3), L3Interface{Name: "br9", Ifindex: i.Index, Port: i.Index, MTU: 1500, Up: true})
	return s
}

func TestAutoSaysWhichMode(t *testing.T) {
	r := newRouter(t, Auto)
	s := r.withBridge(Auto)
	changes := r.apply(s)
	got := map[string]Mode{}
	for _, p := range r.stats().Ports {
		got[p.Name] = p.Mode
	}
	if got["eth0"] != Native || got["br9"] != Generic {
		t.Errorf("modes: %v", got)
	}
	for _, line := range []string{"+ port eth0 (native)", "+ port br9 (generic)"} {
		if !slices.Contains(changes.Lines, line) {
			t.Errorf("no line %q in %q", line, changes.Lines)
		}
	}
	checkMaps(t, r.dp, s)
	ids := r.linkIDs()
	r.restart()
	r.apply(s)
	if now := r.linkIDs(); !sameIDs(ids, now) {
		t.Errorf("links %v after %v", now, ids)
	}
}

func TestNativeWhereThereIsNone(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	before := r.snapshot()
	_, err := r.tryApply(r.withBridge(Native))
	var attach *AttachError
	if !errors.As(err, &attach) || attach.Interface != "br9" || attach.Mode != Native || !strings.Contains(attach.Remedy, "generic") {
		t.Errorf("%v", err)
	}
	r.checkSnapshot(before)
}

// An interface that carries another's program is left alone, and so is
// everything else.
func TestForeignProgram(t *testing.T) {
	for _, row := range []struct {
		name   string
		theirs link.XDPAttachFlags
		ours   Mode
	}{
		{"native, native wanted", link.XDPDriverMode, Native},
		{"native, generic wanted", link.XDPDriverMode, Generic},
		{"generic, native wanted", link.XDPGenericMode, Native},
		{"generic, any wanted", link.XDPGenericMode, Auto},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRouter(t, row.ours)
			s := r.state
			r.apply(State{Ports: s.Ports[:2], L3: s.L3, Classes: s.Classes})
			foreign := r.attachForeign(s.Ports[2].Ifindex, row.theirs)
			before := r.snapshot()
			_, err := r.tryApply(s)
			var attach *AttachError
			if !errors.As(err, &attach) || attach.Interface != "eth2" || !strings.Contains(err.Error(), "another XDP program") {
				t.Fatalf("%v", err)
			}
			if !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EEXIST) {
				t.Errorf("%v is neither EBUSY nor EEXIST", err)
			}
			r.checkSnapshot(before)
			foreign.Close()
			r.apply(s)
			checkLinks(t, r, s)
		})
	}
}

func (r *router) attachForeign(ifindex int, flags link.XDPAttachFlags) link.Link {
	r.t.Helper()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer prog.Close()
	var l link.Link
	r.do(func() (err error) {
		l, err = link.AttachXDP(link.XDPOptions{Program: prog, Interface: ifindex, Flags: flags})
		return err
	})
	r.t.Cleanup(func() { l.Close() })
	return l
}

// The same with a program that was attached the old way, without a link.
func TestForeignProgramWithoutLink(t *testing.T) {
	lab := topo.Demo()
	lab.Links[2].B.NAPI = topo.NAPIByXDP
	r := newRouterIn(t, lab, Auto)
	foreign := r.programs()["eth2"]
	if foreign == 0 {
		t.Fatal("the lab attached none")
	}
	_, err := r.tryApply(r.state)
	var attach *AttachError
	if !errors.As(err, &attach) || attach.Interface != "eth2" || !strings.Contains(err.Error(), "another XDP program") {
		t.Fatalf("%v", err)
	}
	if now := r.programs(); len(now) != 1 || now["eth2"] != foreign {
		t.Errorf("attached are %v, theirs is %d", now, foreign)
	}
	if pins := r.snapshotOfPins(); len(pins) > 0 {
		t.Errorf("left: %v", pins)
	}
}
