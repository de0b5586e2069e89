// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"context"
	"errors"

	"clearway/xsk"
)

// Receive takes all packets that arrive, and drops them. Linux doesn't see them.
//
// Its errors are of setting up, then the summary is empty, or of what ended the
// work early. That ctx ends is none.
func Receive(ctx context.Context, o Options) (_ Summary, err error) {
	options := o.socketOptions()
	options.NoTX = true
	r, err := newRig(&o, options, o.Interface)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	tallies := make([]tally, len(r.sockets))
	workers := make([]worker, len(r.sockets))
	for i, s := range r.sockets {
		workers[i] = &receiver{socket: s, cache: r.umem.NewCache(), options: &o, tally: &tallies[i]}
	}
	return r.run(ctx, &o, Setup{Command: "rx", Interface: o.Interface}, tallies, workers)
}

// receiver takes packets from a queue.
type receiver struct {
	socket  *xsk.Socket
	cache   *xsk.Cache
	options *Options
	tally   *tally
}

func (r *receiver) turn() (*xsk.Socket, error) {
	s := r.socket
	a, b := s.RX.Peek(r.options.Batch)
	n := len(a) + len(b)
	if n == 0 {
		return s, idle(s, r.options.BusyPoll)
	}
	bytes := 0
	for _, span := range [2][]xsk.Desc{a, b} {
		for i := range span {
			bytes += int(span[i].Len)
		}
		if err := r.cache.PutAll(span); err != nil {
			return s, err
		}
	}
	s.RX.Release(n)
	r.tally.add(n, bytes)
	_, err := s.Fill.Refill(r.cache)
	return s, err
}
