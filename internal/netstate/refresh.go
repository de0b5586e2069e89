// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// refreshEvery is how often neighbours are looked after. One turns stale half
	// a minute after it was last confirmed.
	refreshEvery = 5 * time.Second
	// refreshPause is the time between two neighbours: at most 50 a second.
	refreshPause = 20 * time.Millisecond
	// refreshLost is how many unresolved neighbours are asked for in a round, so
	// that very many dead ones don't keep stale ones from their turn.
	refreshLost = 250
)

// RefreshNeighbours asks the kernel to check stale neighbours, and to resolve
// those gateways of the last [Reader.NextHops] that are not, again and again
// until ctx ends, which is no error. The kernel only checks or resolves a
// neighbour when it has something to send to it, and on the fast path it never
// does; the FIB helper takes a stale entry as it is, so a neighbour that
// changed its MAC address would be lost. Entries that don't answer the check go
// the usual way. What goes wrong is logged and tried again.
func (r *Reader) RefreshNeighbours(ctx context.Context, log *slog.Logger) error {
	for {
		if err := r.refresh(ctx); err != nil && ctx.Err() == nil {
			log.Warn("could not refresh neighbours; trying again", "error", err)
		}
		if !sleep(ctx, refreshEvery) {
			return nil
		}
	}
}

// refresh makes one round.
func (r *Reader) refresh(ctx context.Context) error {
	socket, err := dialRoute(ctx)
	if err != nil {
		return err
	}
	defer socket.close()
	entries, err := socket.neighbours(func(n neighbourEntry) bool { return n.state&unix.NUD_STALE != 0 })
	if err != nil {
		return err
	}
	stale := make([]neighbour, len(entries))
	for i, n := range entries {
		stale[i] = n.neighbour
	}
	if err := socket.useEach(ctx, stale, false); err != nil {
		return err
	}
	var lost []neighbour
	r.following(func(f *followed) { lost = f.unresolved(refreshLost) })
	return socket.useEach(ctx, lost, true)
}

func (r *rtnetlink) useEach(ctx context.Context, neighbours []neighbour, create bool) error {
	for _, n := range neighbours {
		if err := r.use(n, create); err != nil {
			return err
		}
		if !sleep(ctx, refreshPause) {
			return nil
		}
	}
	return nil
}

// sleep waits; false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
