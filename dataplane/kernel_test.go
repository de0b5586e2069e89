// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"testing"

	"clearway/internal/testkit"
)

// The tests named TestKernel and TestStage run on every kernel of test/kernels,
// so they take nothing that the oldest of them lacks.

// TestKernelLoads loads every variant.
func TestKernelLoads(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			for name, p := range v.load(t).Programs {
				t.Logf("%s: %s", name, p.VerifierLog)
			}
		})
	}
}

// TestKernelProber: a kernel that can't steer health probes is told by the error.
func TestKernelProber(t *testing.T) {
	testkit.RequireRoot(t)
	p, err := NewProber()
	if err == nil {
		err = p.Close()
	} else if !atLeast(6, 6) && errors.Is(err, ErrNoProbes) {
		err = nil
	}
	if err != nil {
		t.Error(err)
	}
}

// TestKernelAttaches attaches the programs to real devices in each mode.
func TestKernelAttaches(t *testing.T) {
	for _, row := range []struct{ ask, get Mode }{{Native, Native}, {Generic, Generic}, {Auto, Native}} {
		t.Run(string(row.ask), func(t *testing.T) {
			r := newRowLab(t)
			s := r.state.clone()
			for i := range s.Ports {
				s.Ports[i].Mode = row.ask
			}
			r.apply(t, s)
			r.checkAttached(t, row.get)
		})
	}
}

func (r *rowLab) checkAttached(t *testing.T, mode Mode) {
	t.Helper()
	stats, err := r.dp.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if len(stats.Ports) != len(r.state.Ports) {
		t.Errorf("%d ports are attached, want %d", len(stats.Ports), len(r.state.Ports))
	}
	for _, p := range stats.Ports {
		device, err := r.Host("router").Interface(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Mode != mode || device.Program == 0 {
			t.Errorf("%s: attached in %s mode with program %d, want %s", p.Name, p.Mode, device.Program, mode)
		}
	}
	if r.dp.counts.lost == nil {
		t.Error("no tracepoint counts what is lost")
	}
}
