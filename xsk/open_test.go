// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// Each option that can't be is refused by name, and nothing leaks.
func TestBadUMEM(t *testing.T) {
	for _, tt := range []struct {
		o      xsk.UMEMOptions
		option string
	}{
		{xsk.UMEMOptions{Chunks: -1}, "Chunks"},
		{xsk.UMEMOptions{Chunks: 1 << 30}, "Chunks"},
		{xsk.UMEMOptions{ChunkSize: 1024}, "ChunkSize"},
		{xsk.UMEMOptions{ChunkSize: 8192}, "ChunkSize"},
		{xsk.UMEMOptions{ChunkSize: -4096}, "ChunkSize"},
		{xsk.UMEMOptions{ChunkSize: 3000}, "ChunkSize"},
		{xsk.UMEMOptions{Headroom: -1}, "Headroom"},
		{xsk.UMEMOptions{Headroom: 4000}, "Headroom"},
		{xsk.UMEMOptions{SoftwareChecksum: true}, "SoftwareChecksum"},
	} {
		u, err := xsk.NewUMEM(tt.o)
		checkOptionError(t, err, tt.option)
		if u != nil {
			t.Errorf("%+v: a UMEM comes with the error", tt.o)
		}
	}
}

func checkOptionError(t *testing.T, err error, option string) {
	t.Helper()
	var e *xsk.OptionError
	if !errors.As(err, &e) || e.Option != option {
		t.Errorf("error %v, want one of option %s", err, option)
	}
}

func TestBadOptions(t *testing.T) {
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 16})
	for _, tt := range []struct {
		o      xsk.Options
		option string
	}{
		{xsk.Options{}, "Ifindex"},
		{xsk.Options{Ifindex: 1, Queue: -1}, "Queue"},
		{xsk.Options{Ifindex: 1, RXSize: 100}, "RXSize"},
		{xsk.Options{Ifindex: 1, TXSize: -4}, "TXSize"},
		{xsk.Options{Ifindex: 1, FillSize: 1<<20 + 1}, "FillSize"},
		{xsk.Options{Ifindex: 1, CompletionSize: 1 << 30}, "CompletionSize"},
		{xsk.Options{Ifindex: 1, Fill: 2049}, "Fill"},
		{xsk.Options{Ifindex: 1, Mode: 3}, "Mode"},
		{xsk.Options{Ifindex: 1, NoRX: true, NoTX: true}, "NoTX"},
		{xsk.Options{Ifindex: 1, BusyPoll: xsk.BusyPoll{Time: -1}}, "BusyPoll"},
	} {
		_, err := xsk.Open(u, tt.o)
		checkOptionError(t, err, tt.option)
	}
}

// What the kernel refuses has a name and a remedy, and all chunks are still
// there: newUMEM checks.
func TestRefusedByKernel(t *testing.T) {
	testkit.RequireKernel(t, "5.15", "veth that tells the number of its queues")
	lab := newPair(t, 0)
	u := newUMEM(t, xsk.UMEMOptions{Chunks: 64})
	owner := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{Chunks: 64}), xsk.Options{Queue: 1})
	for _, tt := range []struct {
		name   string
		umem   *xsk.UMEM
		o      xsk.Options
		want   error
		remedy string
	}{
		{"queue", u, xsk.Options{Queue: 4}, xsk.ErrNoQueue, "the device has queues 0 to 3"},
		{"device", u, xsk.Options{Ifindex: 99999}, xsk.ErrDeviceGone, "no device of that index"},
		{"zero-copy", u, xsk.Options{Mode: xsk.ZeroCopy}, xsk.ErrNotSupported, "use PreferZeroCopy or Copy"},
		{"two owners", u, xsk.Options{Queue: 1, BindTimeout: -1}, xsk.ErrQueueBusy, "by sharing a UMEM"},
	} {
		_, err := tryOpen(t, lab.a, tt.umem, tt.o)
		var e *xsk.SetupError
		if !errors.As(err, &e) || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.remedy) {
			t.Errorf("%s: error %v, want %v with %q", tt.name, err, tt.want, tt.remedy)
		}
	}
	if err := lab.a.SetUp("eth0", false); err != nil {
		t.Fatal(err)
	}
	late := open(t, lab.a, u, xsk.Options{}) // the kernel allows it
	wantError(t, late.Err(), xsk.ErrLinkDown)
	wantError(t, owner.Err(), xsk.ErrLinkDown)
}

func TestHeadroomRefusedByKernel(t *testing.T) {
	testkit.RequireKernel(t, "6.18", "the limit of headroom")
	lab := newPair(t, 0)
	_, err := tryOpen(t, lab.a, newUMEM(t, xsk.UMEMOptions{Chunks: 4, Headroom: 3800}), xsk.Options{})
	if err == nil || !strings.Contains(err.Error(), "704 bytes") {
		t.Errorf("error %v", err)
	}
}

// PreferZeroCopy says what was obtained.
func TestModeIsReported(t *testing.T) {
	lab := newPair(t, 0)
	for _, mode := range []xsk.Mode{xsk.PreferZeroCopy, xsk.Copy} {
		p := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{Chunks: 64}), xsk.Options{Mode: mode, Queue: int(mode)})
		if p.ZeroCopy() {
			t.Error("veth has no zero-copy")
		}
	}
}

// A queue is free again as soon as Close has returned, and Open waits while
// another owner goes away.
func TestReopenAtOnce(t *testing.T) {
	lab := newPair(t, 0)
	first, err := xsk.NewUMEM(xsk.UMEMOptions{Chunks: 64})
	if err != nil {
		t.Fatal(err)
	}
	second := newUMEM(t, xsk.UMEMOptions{Chunks: 64})
	a := open(t, lab.a, first, xsk.Options{Fill: 1})
	closed := make(chan error)
	time.AfterFunc(50*time.Millisecond, func() { closed <- a.Close() })
	b := open(t, lab.a, second, xsk.Options{BindTimeout: 5 * time.Second, Fill: 1})
	var q *xsk.QuarantineError // as the new owner may be faster than the proof
	if err := errors.Join(<-closed, first.Close()); err != nil && !errors.As(err, &q) {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	open(t, lab.a, second, xsk.Options{})
	t.Logf("reopened after %v", time.Since(begin))
}

// A link that goes down, or a device that goes, ends waits with an error that
// says so, and no chunk is lost.
func TestLinkLoss(t *testing.T) {
	for _, tt := range []struct {
		name string
		lose func(h *topo.Host) error
		want error
	}{
		{"down", func(h *topo.Host) error { return h.SetUp("eth0", false) }, xsk.ErrLinkDown},
		{"gone", func(h *topo.Host) error { return h.DeleteDevice("eth0") }, xsk.ErrDeviceGone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lab := newPair(t, 0)
			from := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
			to := open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
			attach(t, lab.b, xskprog.Options{}, to)
			stream(t, from, to, 100, 64)
			time.AfterFunc(20*time.Millisecond, func() {
				if err := tt.lose(lab.a); err != nil {
					t.Error(err)
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			for _, p := range []*port{from, to} { // the peer loses its carrier, or goes too
				if err := p.RX.Wait(ctx); !errors.Is(err, xsk.ErrLinkDown) && !errors.Is(err, xsk.ErrDeviceGone) {
					t.Errorf("Wait: %v", err)
				}
			}
			for !errors.Is(from.Err(), tt.want) { // a device that goes is down first
				if ctx.Err() != nil {
					t.Fatalf("%v, want %v", from.Err(), tt.want)
				}
				time.Sleep(time.Millisecond)
			}
			descs, _ := from.TX.Reserve(20)
			for i := range descs[:from.cache.GetAll(descs)] {
				descs[i].Len = 60
			}
			if err := from.TX.Submit(len(descs)); err != nil {
				t.Fatal(err)
			}
			if err := from.TX.Kick(from.cache); !errors.Is(err, xsk.ErrLinkDown) && !errors.Is(err, xsk.ErrDeviceGone) {
				t.Errorf("Kick: %v", err)
			}
		})
	}
}

// A link that comes back is waited on again.
func TestLinkComesBack(t *testing.T) {
	lab := newPair(t, 0)
	from := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	to := open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), xsk.Options{})
	attach(t, lab.b, xskprog.Options{}, to)
	for _, up := range []bool{false, true} {
		if err := lab.a.SetUp("eth0", up); err != nil {
			t.Fatal(err)
		}
	}
	if err := lab.b.WaitUp(t.Context(), "eth0"); err != nil {
		t.Fatal(err)
	}
	stream(t, from, to, 100, 64)
}
