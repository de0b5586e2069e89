// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"context"
	"errors"
	"slices"

	"clearway/xsk"
)

// Send sends a stream on each queue, with source ports that count up from the
// frame's. It gives up on what a device doesn't take in time. Errors are as
// those of [Receive].
func Send(ctx context.Context, o Options, stream Stream) (_ Summary, err error) {
	sequence, err := newSequencer(stream.Frame)
	if err != nil {
		return Summary{}, err
	}
	options := o.socketOptions()
	options.NoRX, options.Fill = true, 1 // the kernel wants that ring too
	r, err := newRig(&o, options, o.Interface)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.fill(stream)
	tallies := make([]tally, len(r.sockets))
	workers := make([]worker, len(r.sockets))
	for i, s := range r.sockets {
		workers[i] = &sender{
			socket: s, umem: r.umem, cache: r.umem.NewCache(), tally: &tallies[i],
			size: len(stream.Frame), batch: o.Batch, sequence: sequence.shift(uint16(i)),
			pace: pace{rate: float64(stream.Rate) / float64(len(r.sockets))},
		}
	}
	return r.run(ctx, &o, Setup{Command: "tx", Interface: o.Interface}, tallies, workers)
}

// fill writes the frame into each chunk, from which it is sent again and again.
func (r *rig) fill(stream Stream) {
	own := r.devices[0].HardwareAddr
	frame := slices.Clone(stream.Frame)
	copy(frame, own)
	copy(frame, stream.MAC)
	copy(frame[6:], own)
	size := r.umem.Options().ChunkSize
	for i := range r.umem.Options().Chunks {
		start := r.umem.Start(uint64(i * size))
		copy(r.umem.Data(xsk.Desc{Addr: start, Len: uint32(len(frame))}), frame)
	}
}

// sender sends on a queue.
type sender struct {
	socket   *xsk.Socket
	umem     *xsk.UMEM
	cache    *xsk.Cache
	tally    *tally
	size     int // of the frame
	batch    int
	sequence sequencer
	next     uint64 // number
	pace     pace
	rounds   rounds
}

func (s *sender) turn() (*xsk.Socket, error) {
	if err := s.rounds.check(s.socket); err != nil {
		return s.socket, err
	}
	n := s.pace.allow(s.batch, s.next)
	if n == 0 {
		return s.socket, s.socket.Err()
	}
	a, b := s.socket.TX.Reserve(n)
	n = s.prepare(a)
	if n == len(a) {
		n += s.prepare(b)
	}
	if n == 0 { // all chunks, or all of the ring, are with the kernel
		if err := s.socket.TX.Kick(s.cache); err != nil {
			return s.socket, err
		}
		return s.socket, s.socket.TX.Wait(forever)
	}
	if err := s.socket.TX.Submit(n); err != nil {
		return s.socket, err
	}
	s.tally.add(n, n*s.size)
	return s.socket, s.socket.TX.Kick(s.cache)
}

// prepare writes packets, as many as there are descriptors and chunks.
func (s *sender) prepare(span []xsk.Desc) int {
	n := s.cache.GetAll(span)
	for i := range span[:n] {
		span[i].Len = uint32(s.size)
		s.sequence.write(s.umem.Data(span[i]), s.next)
		s.next++
	}
	return n
}
