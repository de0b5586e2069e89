// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"context"
	"errors"
	"time"

	"clearway/xsk"
)

// Forward is a wire between two interfaces: what arrives on a queue of one
// leaves by the same queue of the other, unchanged and without a copy by this
// program. Errors are as those of [Receive].
func Forward(ctx context.Context, o Options) (_ Summary, err error) {
	r, err := newRig(&o, o.socketOptions(), o.Interface, o.To)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	a, b := r.on(r.devices[0]), r.on(r.devices[1])
	tallies := make([]tally, len(r.sockets))
	workers := make([]worker, 0, len(r.sockets))
	for q := range a {
		for _, way := range [2][2]*xsk.Socket{{a[q], b[q]}, {b[q], a[q]}} {
			workers = append(workers, &forwarder{from: way[0], to: way[1], cache: r.umem.NewCache(), options: &o, tally: &tallies[len(workers)]})
		}
	}
	return r.run(ctx, &o, Setup{Command: "fwd", Interface: o.Interface, To: o.To}, tallies, workers)
}

// forwarder moves packets one way. It alone uses what receives on from and what
// sends on to.
type forwarder struct {
	from, to *xsk.Socket
	cache    *xsk.Cache
	options  *Options
	tally    *tally
	rounds   rounds
}

func (f *forwarder) turn() (*xsk.Socket, error) {
	if err := f.rounds.check(f.to); err != nil {
		return f.to, err
	}
	a, b := f.from.RX.Peek(f.options.Batch)
	n := len(a) + len(b)
	sent, bytes := 0, 0
	for _, span := range [2][]xsk.Desc{a, b} {
		k, err := f.to.TX.Send(span)
		if err != nil {
			return f.to, err
		}
		for i := range k {
			bytes += int(span[i].Len)
		}
		sent += k
		if err := f.cache.PutAll(span[k:]); err != nil { // for which there was no room
			return f.from, err
		}
	}
	f.from.RX.Release(n)
	if sent > 0 {
		f.tally.add(sent, bytes)
	}
	if sent < n {
		f.tally.noRoom.Add(uint64(n - sent))
	}
	// Also without packets: some that were sent may not have come back yet.
	if err := f.to.TX.Kick(f.cache); err != nil {
		return f.to, err
	}
	if _, err := f.from.Fill.Refill(f.cache); err != nil || n > 0 {
		return f.from, err
	}
	return f.from, f.idle()
}

// idle waits for packets, unless the kernel was not given all the chunks that
// it could take: then those that are being sent are needed here as soon as they
// come back, of which nothing tells.
func (f *forwarder) idle() error {
	addr, ok := f.cache.Get()
	if !ok && !f.options.BusyPoll {
		time.Sleep(100 * time.Microsecond)
		return f.from.Err()
	}
	if ok {
		if err := f.cache.Put(addr); err != nil {
			return err
		}
	}
	return idle(f.from, f.options.BusyPoll)
}
