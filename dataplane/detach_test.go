// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"clearway/internal/topo/topotest"
)

// detach is what the command does, with no process running.
func (r *router) detach(ports ...string) (removed []string, err error) {
	r.t.Helper()
	if err := r.dp.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.do(func() error {
		removed, err = Detach(r.bpffs, ports)
		return nil
	})
	return removed, err
}

func TestDetachLeavesNothing(t *testing.T) {
	for _, mode := range []Mode{Native, Generic} {
		t.Run(string(mode), func(t *testing.T) {
			r := newRouter(t, mode)
			r.apply(r.state)
			stream := startFlow(t, r, 1000)
			removed, err := r.detach()
			if err != nil || !slices.Equal(removed, []string{"eth0", "eth1", "eth2"}) {
				t.Fatalf("detached %v: %v", removed, err)
			}
			checkNoPrograms(t, r)
			if pins := topotest.Pins(t, filepath.Dir(r.bpffs)); len(pins) > 0 {
				t.Errorf("pinned: %v", pins)
			}
			if _, err := os.Stat(r.bpffs); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory is still there: %v", err)
			}
			was := stream.Received()
			time.Sleep(100 * time.Millisecond)
			if stream.Received() == was {
				t.Error("Linux does not go on forwarding")
			}
			if _, err := stream.Stop(); err != nil {
				t.Error(err)
			}
			if _, err := Detach(r.bpffs, nil); !errors.Is(err, ErrNotLoaded) {
				t.Errorf("once more: %v", err)
			}
			if _, err := OpenReadOnly(r.bpffs); !errors.Is(err, ErrNotLoaded) {
				t.Errorf("reading: %v", err)
			}
		})
	}
}

func TestDetachOnePort(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.renamed("eth1", "wan.1"))
	ids := r.linkIDs()
	stream := startFlow(t, r, flowRate) // its packets come in by eth0
	removed, err := r.detach("wan.1", "wan.1")
	if err != nil || !slices.Equal(removed, []string{"wan.1"}) {
		t.Fatalf("detached %v: %v", removed, err)
	}
	now := r.linkIDs()
	if len(now) != 2 || now["eth0"] != ids["eth0"] || now["eth2"] != ids["eth2"] {
		t.Errorf("links %v after %v", now, ids)
	}
	i, err := r.Host("router").Interface("wan.1")
	if err != nil || i.Program != 0 {
		t.Errorf("wan.1 has program %d (%v)", i.Program, err)
	}
	r.do(func() error {
		reader, err := OpenReadOnly(r.bpffs)
		if err != nil {
			return err
		}
		defer reader.Close()
		s, err := reader.Stats()
		if err != nil {
			return err
		}
		for _, p := range s.Ports {
			if p.Name == "wan.1" {
				t.Error("Stats still has it")
			}
		}
		return nil
	})
	r.open()
	r.apply(r.state)
	checkMaps(t, r.dp, r.state)
	if _, ok := r.linkIDs()["wan.1"]; !ok {
		t.Error("not attached again")
	}
	stopFlow(t, r, stream)
}

func TestDetachOfUnknownPort(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	before := r.snapshot()
	_, err := r.detach("eth0", "eth7")
	if err == nil || !strings.Contains(err.Error(), "eth7") || !strings.Contains(err.Error(), "eth0 eth1 eth2") {
		t.Errorf("%v", err)
	}
	if now := r.programs(); !sameIDs(now, before.Programs) {
		t.Errorf("attached are %v, were %v", now, before.Programs)
	}
}

// Port by port: the last one takes the rest with it.
func TestDetachOfTheLastPort(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	for _, name := range []string{"eth0", "eth1", "eth2"} {
		if _, err := r.detach(name); err != nil {
			t.Fatal(err)
		}
	}
	checkNoPrograms(t, r)
	if pins := topotest.Pins(t, filepath.Dir(r.bpffs)); len(pins) > 0 {
		t.Errorf("pinned: %v", pins)
	}
}

// What others pinned beside it, or in the same directory, stays.
func TestDetachLeavesOthersPins(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, dir := range []string{"/gen-other", "/another"} {
		if err := os.Mkdir(r.bpffs+dir, 0o700); err != nil {
			t.Fatal(err)
		}
		clone, err := m.Clone()
		if err != nil {
			t.Fatal(err)
		}
		err = clone.Pin(r.bpffs + dir + "/map")
		clone.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.detach(); err != nil {
		t.Fatal(err)
	}
	if pins := topotest.Pins(t, r.bpffs); !slices.Equal(pins, []string{"another/map", "gen-other/map"}) {
		t.Errorf("pinned: %v", pins)
	}
}
