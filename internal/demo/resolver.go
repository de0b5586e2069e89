// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"clearway/internal/topo"
)

// resolver answers queries that Linux received, on an ordinary socket.
type resolver struct {
	conn  net.PacketConn
	seen  atomic.Uint64 // datagrams
	ended chan struct{}
}

func startResolver(ctx context.Context, host *topo.Host, at netip.AddrPort) (*resolver, error) {
	conn, err := host.ListenPacket(ctx, "udp", at)
	if err != nil {
		return nil, fmt.Errorf("starting a resolver: %w", err)
	}
	r := &resolver{conn: conn, ended: make(chan struct{})}
	go r.serve()
	return r, nil
}

func (r *resolver) serve() {
	defer close(r.ended)
	var room [512]byte
	for {
		n, from, err := r.conn.ReadFrom(room[:])
		if err != nil {
			return // it was closed
		}
		r.seen.Add(1)
		if answer := answerDNS(room[:n]); answer != nil {
			r.conn.WriteTo(answer, from) // who asked notices where it fails
		}
	}
}

func (r *resolver) close() error {
	err := r.conn.Close()
	<-r.ended
	return err
}
