// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// Flow is the blueprint of a stream of numbered UDP datagrams from one host to
// another. All its packets have the same addresses and ports.
type Flow struct {
	From, To            *topo.Host
	Source, Destination netip.AddrPort // of one family, all fields set
	Rate                int            // packets a second
	Size                int            // bytes of payload, at least 20, which is the default
	ID                  uint64         // distinguishes flows that can be confused
}

// Stream is a flow under way.
type Stream struct {
	flow   Flow
	cancel context.CancelFunc

	sender  *socket
	sent    atomic.Uint64
	elapsed time.Duration // the sender's, until it sent to sendErr
	sendErr chan error

	stop       chan struct{} // closed when nothing more is to arrive
	receiver   *socket
	arrived    atomic.Uint64
	tally      tally // the receiver's, until it sent to receiveErr
	receiveErr chan error
}

// Start starts a flow, which goes on until ctx ends or Stop is called. In
// either case Stop must be called.
func (f Flow) Start(ctx context.Context) (*Stream, error) {
	if f.Rate < 1 || f.Rate > 1_000_000 {
		return nil, fmt.Errorf("starting a flow: a rate of %d packets a second can't be kept", f.Rate)
	}
	f.Size = max(f.Size, headerSize)
	s := &Stream{flow: f, stop: make(chan struct{}), sendErr: make(chan error, 1), receiveErr: make(chan error, 1)}
	var err error
	s.receiver, err = newUDP(f.To, f.Destination, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	})
	if err != nil {
		return nil, fmt.Errorf("starting a flow: %w", err)
	}
	s.sender, err = newUDP(f.From, f.Source, func(fd int) error {
		return unix.Connect(fd, sockaddr(f.Destination))
	})
	if err != nil {
		return nil, fmt.Errorf("starting a flow: %w", errors.Join(err, s.receiver.Close()))
	}
	ctx, s.cancel = context.WithCancel(ctx)
	go func() { s.receiveErr <- s.receive(s.stop) }()
	go func() { s.sendErr <- s.send(ctx) }()
	return s, nil
}

// Sent returns how many packets were sent so far.
func (s *Stream) Sent() uint64 { return s.sent.Load() }

// Received returns how many packets arrived so far.
func (s *Stream) Received() uint64 { return s.arrived.Load() }

// silence is how long nothing must arrive after the last packet was sent until
// the flow counts as over.
const silence = 200 * time.Millisecond

// Stop ends the flow, waits for the packets that are under way, and reports.
// The error says that the flow itself couldn't go on; what happened to its
// packets is in the report. Stop must be called once.
func (s *Stream) Stop() (Report, error) {
	s.cancel()
	err := <-s.sendErr
	for was := ^uint64(0); was != s.Received(); time.Sleep(silence) {
		was = s.Received()
	}
	close(s.stop)
	refused, refusedErr := s.receiver.refused()
	err = errors.Join(err, refusedErr, <-s.receiveErr, s.receiver.Close(), s.sender.Close())
	r := Report{
		Sent: s.Sent(), Received: s.tally.received, Doubled: s.tally.doubled, Altered: s.tally.altered,
		Reordered: s.tally.reordered, Refused: refused, Elapsed: s.elapsed,
	}
	const ranges = 8
	r.Lost, r.LostRanges = s.tally.lost(r.Sent, ranges)
	return r, err
}

const (
	burst = 64                     // packets that one system call sends or receives
	pause = 200 * time.Microsecond // half a burst at 150,000 packets a second
)

// send sends at the flow's rate. After a pause that was forced on it, it makes
// up for at most maxDebt: longer bursts would overrun a veth's ring.
func (s *Stream) send(ctx context.Context) error {
	const maxDebt = 50 * time.Millisecond
	b := newBatch(burst, s.flow.Size, 0)
	for i := range burst {
		copy(b.buffers[i], newPayload(s.flow.ID, s.flow.Size))
	}
	start := time.Now()
	defer func() { s.elapsed = time.Since(start) }()
	interval := time.Second / time.Duration(s.flow.Rate)
	due := start // when the next packet is
	for seq := uint64(0); ctx.Err() == nil; {
		now := time.Now()
		debt := min(now.Sub(due), maxDebt)
		due = now.Add(-debt)
		n := min(int(debt/interval), burst)
		if n <= 0 {
			sleep(pause)
			continue
		}
		for i := range n {
			writePayload(b.buffers[i], seq+uint64(i))
		}
		if err := b.send(s.sender, n); err != nil {
			return fmt.Errorf("sending packet %d of the flow: %w", seq, err)
		}
		seq += uint64(n)
		s.sent.Store(seq)
		due = due.Add(time.Duration(n) * interval)
	}
	return nil
}

// sleep is finer than time.Sleep, which rounds up to a millisecond when the
// process is idle.
func sleep(d time.Duration) {
	ts := unix.NsecToTimespec(d.Nanoseconds())
	unix.Nanosleep(&ts, nil) // waking early does no harm
}

// receive counts what arrives until stop is closed. It looks at intervals: a
// receiver that is woken for each packet costs more than the packet's way.
func (s *Stream) receive(stop <-chan struct{}) error {
	b := newBatch(burst, s.flow.Size+1, 0) // a longer packet is an altered one
	for {
		n, err := b.poll(s.receiver)
		if err != nil {
			return fmt.Errorf("receiving the flow: %w", err)
		}
		for i := range n {
			s.tally.add(readPayload(b.message(i), s.flow.ID, s.flow.Size))
		}
		s.arrived.Store(s.tally.received)
		if n > 0 {
			continue
		}
		select {
		case <-stop:
			return nil
		default:
			sleep(pause)
		}
	}
}
