// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"testing"
	"time"

	"clearway/xsk"
)

// No turn allocates, neither with packets nor without: here they go from a over
// mid to b.
func TestNoAllocations(t *testing.T) {
	lab := newLab(t, 1)
	o := &Options{Batch: 32, BusyPoll: true}
	frame := template(true, 1, 60)
	sequence, err := newSequencer(frame)
	if err != nil {
		t.Fatal(err)
	}
	a := newTestRig(t, lab.Host("a"), xsk.Options{NoRX: true, Fill: 1}, "eth0")
	mid := newTestRig(t, lab.Host("mid"), xsk.Options{}, "eth0", "eth1")
	b := newTestRig(t, lab.Host("b"), xsk.Options{NoTX: true}, "eth0")
	a.fill(Stream{Frame: frame})
	var tallies [3]tally
	workers := []worker{
		&sender{socket: a.sockets[0], umem: a.umem, cache: a.umem.NewCache(), tally: &tallies[0], size: len(frame), batch: o.Batch,
			sequence: sequence, pace: pace{rate: 1e6}},
		&forwarder{from: mid.sockets[0], to: mid.sockets[1], cache: mid.umem.NewCache(), options: o, tally: &tallies[1]},
		&receiver{socket: b.sockets[0], cache: b.umem.NewCache(), options: o, tally: &tallies[2]},
	}
	turn := func() {
		for _, w := range workers {
			if _, err := w.turn(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		turn()
	}
	if n := testing.AllocsPerRun(2000, turn); n != 0 {
		t.Errorf("%v allocations in a turn of each", n)
	}
	for i := range tallies {
		if tallies[i].packets.Load() == 0 {
			t.Errorf("worker %d moved no packet", i)
		}
	}
}

// Nor does a turn that waits.
func TestNoAllocationsWaiting(t *testing.T) {
	lab := newLab(t, 1)
	a := newTestRig(t, lab.Host("a"), xsk.Options{NoRX: true, Fill: 1}, "eth0")
	mid := newTestRig(t, lab.Host("mid"), xsk.Options{NoTX: true}, "eth0")
	frame := template(true, 1, 60)
	sequence, err := newSequencer(frame)
	if err != nil {
		t.Fatal(err)
	}
	a.fill(Stream{Frame: frame})
	var tallies [2]tally
	s := &sender{socket: a.sockets[0], umem: a.umem, cache: a.umem.NewCache(), tally: &tallies[0], size: len(frame), batch: 1, sequence: sequence}
	r := &receiver{socket: mid.sockets[0], cache: mid.umem.NewCache(), options: &Options{Batch: 1}, tally: &tallies[1]}
	order, sent := make(chan struct{}), make(chan error, 1)
	defer close(order)
	go func() {
		for range order {
			time.Sleep(time.Millisecond)
			_, err := s.turn()
			sent <- err
		}
	}()
	n := testing.AllocsPerRun(200, func() {
		order <- struct{}{}
		for want := tallies[1].packets.Load() + 1; tallies[1].packets.Load() < want; {
			if _, err := r.turn(); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 || mid.sockets[0].Calls().Waits == 0 {
		t.Errorf("%v allocations, %d waits", n, mid.sockets[0].Calls().Waits)
	}
}
