// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"clearway/internal/topo"
	"clearway/punt"
	"clearway/xsk"
)

// xskProgram answers queries in user space, with a socket on each queue of a device.
type xskProgram struct {
	umem   *xsk.UMEM
	queues []*queue
	stop   context.CancelFunc
	wait   sync.WaitGroup
}

// queue is a socket, and the goroutine that serves it.
type queue struct {
	socket   *xsk.Socket
	answered *atomic.Uint64 // queries
	err      error          // to be read when the program has stopped
}

// startXSKProgram opens sockets on the first queues of a host's eth0, serves them,
// counting for each queue what it answers, and registers them with the daemon that
// listens on control.
func startXSKProgram(ctx context.Context, host *topo.Host, answered []atomic.Uint64, control string) (_ *xskProgram, err error) {
	p := &xskProgram{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.umem, err = xsk.NewUMEM(xsk.UMEMOptions{}); err != nil {
		return nil, err
	}
	eth0, err := host.Interface("eth0")
	if err != nil {
		return nil, err
	}
	ctx, p.stop = context.WithCancel(ctx)
	for n := range answered {
		q := &queue{answered: &answered[n]}
		err := host.Do(func() (err error) {
			q.socket, err = xsk.Open(p.umem, xsk.Options{Ifindex: eth0.Index, Queue: n})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("opening a socket: %w", err)
		}
		p.queues = append(p.queues, q)
		p.wait.Go(func() { q.err = q.serve(ctx, p.umem) })
		if err := punt.Register(ctx, control, "eth0", n, q.socket.FD()); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// serve answers what the socket receives, until ctx ends.
func (q *queue) serve(ctx context.Context, umem *xsk.UMEM) error {
	cache := umem.NewCache()
	defer cache.Flush()
	for {
		if err := q.socket.RX.Wait(ctx); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		if err := errors.Join(q.batch(umem, cache), q.socket.TX.Kick(cache)); err != nil {
			return err
		}
		if _, err := q.socket.Fill.Refill(cache); err != nil {
			return err
		}
	}
}

// batch answers what was received so far. Answers lie where the queries did.
func (q *queue) batch(umem *xsk.UMEM, cache *xsk.Cache) error {
	const most = 64
	var answers [most]xsk.Desc
	n := 0
	a, b := q.socket.RX.Peek(most)
	for _, span := range [2][]xsk.Desc{a, b} {
		for _, d := range span {
			answer := reply(umem.Data(d))
			if answer == nil {
				if err := cache.Put(d.Addr); err != nil {
					return err
				}
				continue
			}
			answers[n] = xsk.Desc{Addr: d.Addr, Len: uint32(len(answer))}
			n++
		}
	}
	q.socket.RX.Release(len(a) + len(b))
	sent, err := q.socket.TX.Send(answers[:n])
	q.answered.Add(uint64(sent))
	return errors.Join(err, cache.PutAll(answers[sent:n])) // for which there was no room
}

// close ends the program: from then on Linux gets what it got.
func (p *xskProgram) close() error {
	if p.stop != nil {
		p.stop()
	}
	p.wait.Wait()
	var errs []error
	for _, q := range p.queues {
		errs = append(errs, q.err, q.socket.Close())
	}
	if p.umem != nil {
		errs = append(errs, p.umem.Close())
	}
	return errors.Join(errs...)
}
