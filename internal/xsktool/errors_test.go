// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"clearway/internal/topo"
	"clearway/xsk"
)

// Each mistake is told with its place and with what to do, before anything is
// measured, and leaves nothing behind.
func TestErrors(t *testing.T) {
	lab := newLab(t, 2)
	mid := lab.Host("mid")
	newTestRig(t, mid, xsk.Options{Mode: xsk.Copy}, "eth1") // has queue 0, and a program
	theirs, err := mid.Interface("eth1")
	if err != nil {
		t.Fatal(err)
	}
	eth1 := Options{Interface: "eth1", Batch: 1, Mode: xsk.Copy}
	for name, tt := range map[string]struct {
		change func(o *Options)
		work   func(context.Context, Options) (Summary, error)
		is     error
		says   []string
	}{
		"no interface": {func(o *Options) { o.Interface = "cwnone" }, Receive, nil, []string{"cwnone: ", "no such network interface", "ip link"}},
		"no other one": {func(o *Options) { o.Interface, o.To = "eth0", "cwnone" }, Forward, nil, []string{"cwnone: "}},
		"no queue":     {func(o *Options) { o.Queue = 2 }, Receive, xsk.ErrNoQueue, []string{"eth1 queue 2: binding", "queues 0 to 1", "ethtool -L"}},
		"two owners":   {func(*Options) {}, sendTo(Stream{Frame: template(true, 1, 60)}), xsk.ErrQueueBusy, []string{"eth1 queue 0: binding", "ss --xdp", "--queue"}},
		"no zero-copy": {func(o *Options) { o.Interface, o.Mode = "eth0", xsk.ZeroCopy }, Receive, xsk.ErrNotSupported, []string{"eth0 queue 0", "--mode auto"}},
		"a program": {func(o *Options) { o.Queue = 1 }, Receive, nil,
			[]string{"eth1 has an XDP program already", `"xsk_redirect"`, "left as it is", "detach it first"}},
		"a program on the other one": {func(o *Options) { o.Interface, o.To, o.Queue = "eth0", "eth1", 1 }, Forward, nil, []string{"eth1 has an XDP program"}},
		"no frame":                   {func(*Options) {}, sendTo(Stream{}), nil, []string{"frame of 0 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := eth1
			tt.change(&o)
			got := start(t, mid, o, tt.work)(0)
			if got.err == nil || tt.is != nil && !errors.Is(got.err, tt.is) || got.sum.Command != "" {
				t.Fatalf("error %v, summary %+v", got.err, got.sum)
			}
			for _, s := range tt.says {
				if !strings.Contains(got.err.Error(), s) {
					t.Errorf("%q doesn't say %q", got.err, s)
				}
			}
		})
	}
	now, err := mid.Interface("eth1")
	if err != nil || now.Program != theirs.Program {
		t.Errorf("program %d of eth1 became %d: %v", theirs.Program, now.Program, err)
	}
	if i, err := mid.Interface("eth0"); err != nil || i.Program != 0 {
		t.Errorf("eth0 has program %d: %v", i.Program, err)
	}
}

// The error tells whose the program is, for those who know more of it.
func TestTaken(t *testing.T) {
	lab := newLab(t, 2)
	mid := lab.Host("mid")
	newTestRig(t, mid, xsk.Options{}, "eth0")
	i, err := mid.Interface("eth0")
	if err != nil {
		t.Fatal(err)
	}
	got := start(t, mid, Options{Interface: "eth0", Queue: 1, Batch: 1}, Receive)(0)
	var taken *TakenError
	if !errors.As(got.err, &taken) || taken.Interface != "eth0" || taken.Program.ID != i.Program {
		t.Errorf("error %v, want one of program %d", got.err, i.Program)
	}
}

// Whatever a work does when its device vanishes, it ends soon, with what was
// measured until then.
func TestDeviceGone(t *testing.T) {
	unbounded := sendTo(Stream{Frame: template(true, 1, 60)})
	for name, tt := range map[string]struct {
		o    Options
		work func(context.Context, Options) (Summary, error)
	}{
		"receiving":          {Options{Interface: "eth0", Batch: 64}, Receive},
		"busy receiving":     {Options{Interface: "eth0", Batch: 64, BusyPoll: true}, Receive},
		"sending":            {Options{Interface: "eth0", Batch: 64}, unbounded},
		"sending now & then": {Options{Interface: "eth0", Batch: 64}, sendTo(Stream{Frame: template(true, 1, 60), Rate: 10})},
		"forwarding":         {Options{Interface: "eth0", To: "eth1", Batch: 64}, Forward},
		"forwarding to it":   {Options{Interface: "eth1", To: "eth0", Batch: 64}, Forward},
		"busy forwarding":    {Options{Interface: "eth0", To: "eth1", Batch: 64, BusyPoll: true}, Forward},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, 1)
			mid := lab.Host("mid")
			wait := start(t, mid, tt.o, tt.work)
			time.Sleep(20 * time.Millisecond) // in the middle of it
			if err := mid.DeleteDevice("eth0"); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			got := wait(0)
			wantGone(t, got)
			if got.err != nil && !strings.HasPrefix(got.err.Error(), "eth0 queue 0: ") {
				t.Errorf("error %q doesn't begin with the device", got.err)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v to end", took)
			}
		})
	}
}

// A link may be down for a while; one that stays down ends the work.
func TestLinkDown(t *testing.T) {
	lab := newLab(t, 1)
	mid := lab.Host("mid")
	frames, _ := numbered(100, macB)
	wait := start(t, mid, options(), Receive)
	setUp(t, mid, false)
	time.Sleep(50 * time.Millisecond)
	setUp(t, mid, true)
	if err := lab.Host("a").WaitUp(t.Context(), "eth0"); err != nil {
		t.Fatal(err)
	}
	sendFrames(t, lab.Host("a"), "eth0", frames)
	if got := wait(100); got.err != nil || got.sum.Packets != 100 {
		t.Errorf("%+v", got)
	}

	o := options()
	o.linkPatience = 50 * time.Millisecond
	for name, work := range map[string]func(context.Context, Options) (Summary, error){
		"receiving": Receive, "sending": sendTo(Stream{Frame: template(true, 1, 60)}),
	} {
		wait := start(t, mid, o, work)
		setUp(t, mid, false)
		got := wait(0)
		if !errors.Is(got.err, xsk.ErrLinkDown) || !strings.Contains(got.err.Error(), "ip link set dev eth0 up") {
			t.Errorf("%s: error %v", name, got.err)
		}
		setUp(t, mid, true)
		if err := mid.WaitUp(t.Context(), "eth0"); err != nil {
			t.Fatal(err)
		}
	}
}

func setUp(t *testing.T, h *topo.Host, up bool) {
	t.Helper()
	if err := h.SetUp("eth0", up); err != nil {
		t.Fatal(err)
	}
}

// Options are checked before anything is touched.
func TestCheck(t *testing.T) {
	for want, change := range map[string]func(o *Options){
		"":            func(*Options) {},
		"--interface": func(o *Options) { o.Interface = "" },
		"--to":        func(o *Options) { o.To = o.Interface },
		"--queue":     func(o *Options) { o.Queue = -2 },
		"--batch: 0":  func(o *Options) { o.Batch = 0 },
		"--batch: 20": func(o *Options) { o.Batch = RingSize + 1 },
		"--duration":  func(o *Options) { o.Duration = -1 },
	} {
		o := options()
		change(&o)
		err := o.Check()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want one of %q", err, want)
		}
	}
}
