// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"slices"
	"testing"
	"time"

	"clearway/xsk"
)

// Each packet is counted, once, with its bytes, and Linux sees none.
func TestReceive(t *testing.T) {
	frames, bytes := numbered(1000, macB) // the fill ring has room for all
	for name, o := range map[string]Options{
		"batches": options(), "one by one": {Interface: "eth0", Batch: 1},
		"busy": {Interface: "eth0", Batch: 64, BusyPoll: true}, "all queues": {Interface: "eth0", Batch: 64, Queue: AllQueues},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, 1-o.Queue) // frames take the queue of the CPU that sends them
			wait := start(t, lab.Host("mid"), o, Receive)
			sendFrames(t, lab.Host("a"), "eth0", frames)
			got := wait(uint64(len(frames)))
			if got.err != nil {
				t.Fatal(got.err)
			}
			checkReceived(t, got.sum, o, uint64(len(frames)), bytes)
			if i, err := lab.Host("mid").Interface("eth0"); err != nil || i.Program != 0 {
				t.Errorf("program %d is still attached: %v", i.Program, err)
			}
		})
	}
}

func checkReceived(t *testing.T, s Summary, o Options, packets, bytes uint64) {
	t.Helper()
	if s.Packets != packets || s.Bytes != bytes || s.Dropped != 0 || s.Loss != 0 {
		t.Errorf("%d packets, %d bytes, %d dropped, loss %v; want %d, %d, none", s.Packets, s.Bytes, s.Dropped, s.Loss, packets, bytes)
	}
	queues := []int{0}
	if o.Queue == AllQueues {
		queues = []int{0, 1}
	}
	if s.Command != "rx" || s.Interface != "eth0" || s.Mode != "copy" || s.Program != "native" || !slices.Equal(s.Queues, queues) {
		t.Errorf("setup %+v", s.Setup)
	}
	if s.MeanBatch < 1 || s.MeanBatch > float64(o.Batch) {
		t.Errorf("mean batch %v of at most %d", s.MeanBatch, o.Batch)
	}
	if (s.Wakeups > 0) != o.BusyPoll || (s.Waits > 0) == o.BusyPoll || s.Kicks != 0 || s.Syscalls != s.Wakeups+s.Waits {
		t.Errorf("%d kicks, %d wakeups, %d waits, %d system calls with busy polling %v", s.Kicks, s.Wakeups, s.Waits, s.Syscalls, o.BusyPoll)
	}
	if s.CPU <= 0 || s.CPU != s.User+s.System || s.MinPPS > s.MaxPPS || s.PPS > s.MaxPPS || s.PPS <= 0 || s.Mbps <= 0 {
		t.Errorf("figures %+v", s)
	}
}

// What finds no chunk, or no room, is counted as dropped, and nothing is lost
// between the two counts.
func TestReceiveDrops(t *testing.T) {
	lab := newLab(t, 1)
	frames, _ := numbered(3*RingSize, macB)
	r := newTestRig(t, lab.Host("mid"), xsk.Options{NoTX: true}, "eth0")
	sendFrames(t, lab.Host("a"), "eth0", frames)
	tallies := make([]tally, 1)
	w := &receiver{socket: r.sockets[0], cache: r.umem.NewCache(), options: &Options{Batch: 64, BusyPoll: true}, tally: &tallies[0]}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := w.turn(); err != nil {
			t.Fatal(err)
		}
		n, err := r.read(tallies)
		if err != nil {
			t.Fatal(err)
		}
		switch lost := n.drops.total(); {
		case n.packets+lost == uint64(len(frames)) && lost > 0:
			return
		case time.Now().After(deadline):
			t.Fatalf("%d packets, drops %+v of %d", n.packets, n.drops, len(frames))
		}
	}
}
