// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"context"
	"errors"
	"time"

	"clearway/xsk"
)

// work takes turns until the sockets are stopped, and rides out a link that is
// down for a while.
func (r *rig) work(w worker, patience time.Duration) error {
	for {
		at, err := w.turn()
		if errors.Is(err, xsk.ErrLinkDown) {
			err = awaitLink(at, patience)
		}
		switch {
		case errors.Is(err, xsk.ErrClosed):
			return nil
		case err != nil:
			return r.explainWork(at, err)
		}
	}
}

// linkPatience is how long a link may be down. Many devices take theirs down
// when a program is attached, or a socket bound, and need seconds to have it
// back.
const linkPatience = 10 * time.Second

// awaitLink waits until the link is up again. It returns [xsk.ErrDeviceGone]
// where it is down because the device went.
func awaitLink(s *xsk.Socket, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; {
		time.Sleep(10 * time.Millisecond)
		err := s.Err()
		if !errors.Is(err, xsk.ErrLinkDown) || time.Now().After(deadline) {
			return err
		}
	}
}

// rounds counts turns, so that a socket that nobody waits on is asked now and
// then: in copy mode the kernel drops what is sent without a carrier, and says
// nothing.
type rounds uint

// check returns what is known of the link, each 1024th time, the first too.
func (n *rounds) check(s *xsk.Socket) error {
	*n++
	if *n%1024 != 1 {
		return nil
	}
	return s.Err()
}

// forever is the context of waits, which end when their socket stops: unlike
// with one that can end, nothing is allocated.
var forever = context.Background()

// idle is what a worker does on a socket without packets.
func idle(s *xsk.Socket, busyPoll bool) error {
	if busyPoll {
		return s.Fill.Wake()
	}
	return s.RX.Wait(forever)
}
