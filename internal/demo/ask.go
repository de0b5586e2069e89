// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"clearway/internal/topo"
)

const (
	askers     = 32     // sockets, each with one query under way
	enough     = 20_000 // queries
	unanswered = time.Second
)

// asked is how a round of queries went.
type asked struct {
	sent, answered atomic.Uint64
	took           time.Duration
}

// rate is in answers a second.
func (a *asked) rate() float64 { return float64(a.answered.Load()) / a.took.Seconds() }

// ask sends queries from a host, on each socket one after the other, until during
// has returned and there were enough.
func ask(ctx context.Context, from *topo.Host, at netip.AddrPort, during func(context.Context) error) (*asked, error) {
	var a asked
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range askers {
		conn, err := from.Dial(ctx, "udp", at.String())
		if err != nil {
			return &a, err
		}
		conns = append(conns, conn)
	}
	var running sync.WaitGroup
	var done atomic.Bool
	failed := make([]error, askers)
	start := time.Now()
	for i, conn := range conns {
		running.Go(func() {
			for id := uint16(0); failed[i] == nil && ctx.Err() == nil && !(done.Load() && a.sent.Load() >= enough); id++ {
				failed[i] = a.exchange(conn, id)
			}
		})
	}
	err := during(ctx)
	done.Store(true)
	running.Wait()
	a.took = time.Since(start)
	return &a, errors.Join(append(failed, err, ctx.Err())...)
}

// exchange sends one query. That it is not answered is no error.
func (a *asked) exchange(conn net.Conn, id uint16) error {
	if _, err := conn.Write(dnsQuery(id)); err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	a.sent.Add(1)
	if err := conn.SetReadDeadline(time.Now().Add(unanswered)); err != nil {
		return err
	}
	var room [512]byte
	n, err := conn.Read(room[:])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		return fmt.Errorf("asking: %w", err)
	}
	a.answered.Add(1)
	return checkDNS(id, room[:n])
}
