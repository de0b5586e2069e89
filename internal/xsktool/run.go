// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"cmp"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"clearway/xsk"
)

// worker does one direction's work on one queue, turn by turn, until its
// sockets are stopped. Its errors are those of the socket that it names.
type worker interface {
	turn() (at *xsk.Socket, err error)
}

// run lets workers work until the time is over, ctx ends or one of them fails.
// The summary holds what was measured in any case.
func (r *rig) run(ctx context.Context, o *Options, setup Setup, tallies []tally, workers []worker) (Summary, error) {
	sum := Summary{Setup: r.obtained(setup)}
	if o.Started != nil {
		o.Started(sum.Setup)
	}
	defer context.AfterFunc(ctx, r.stop)()
	start, err := r.read(tallies)
	if err != nil {
		return sum, err
	}
	g, failed := errgroup.WithContext(ctx)
	for _, w := range workers {
		g.Go(func() error { return r.work(w, cmp.Or(o.linkPatience, linkPatience)) })
	}
	watchErr := r.watch(failed, o, start, tallies, &sum)
	r.stop()
	if err = g.Wait(); err == nil {
		err = watchErr
	}
	end, readErr := r.read(tallies)
	sum.finish(end.since(start))
	return sum, errors.Join(err, readErr)
}

// obtained fills in what was had.
func (r *rig) obtained(s Setup) Setup {
	for _, socket := range r.on(r.devices[0]) {
		s.Queues = append(s.Queues, socket.Queue())
	}
	s.Mode = "copy"
	if r.sockets[0].ZeroCopy() {
		s.Mode = "zerocopy"
	}
	for _, p := range r.programs {
		if !p.Native() {
			s.Program = "generic"
		} else if s.Program == "" {
			s.Program = "native"
		}
	}
	return s
}

// watch tells of each second. It returns when the time is over, ctx has ended,
// or a device that nobody waits for is gone.
func (r *rig) watch(ctx context.Context, o *Options, start reading, tallies []tally, sum *Summary) error {
	before := start
	for second := 1; ; second++ {
		at := time.Duration(second) * time.Second
		last := o.Duration > 0 && at >= o.Duration
		if last && at > o.Duration { // a part of a second
			sleep(ctx, time.Until(start.at.Add(o.Duration)))
			return nil
		}
		if !sleep(ctx, time.Until(start.at.Add(at))) {
			return nil
		}
		now, err := r.read(tallies)
		if err != nil {
			return err
		}
		s := Second{second, now.since(before)}
		before = now
		sum.count(s)
		if o.Each != nil {
			o.Each(s)
		}
		if err := r.gone(); err != nil || last {
			return err
		}
	}
}

// sleep returns false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// gone returns an error if a device was removed.
func (r *rig) gone() error {
	for _, s := range r.sockets {
		if err := s.Err(); errors.Is(err, xsk.ErrDeviceGone) {
			return r.explainWork(s, err)
		}
	}
	return nil
}

// count takes a second into the extremes.
func (s *Summary) count(second Second) {
	if second.Second == 1 {
		s.MinPPS = second.PPS
	}
	s.MinPPS, s.MaxPPS = min(s.MinPPS, second.PPS), max(s.MaxPPS, second.PPS)
}

// finish takes the figures of all of the time.
func (s *Summary) finish(all Figures) {
	s.Figures = all
	if all.Seconds < 1 { // there was no second
		s.MinPPS, s.MaxPPS = all.PPS, all.PPS
	}
	if all.Dropped > 0 {
		s.Loss = float64(all.Dropped) / float64(all.Packets+all.Dropped)
	}
}
