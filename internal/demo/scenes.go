// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

const (
	datagrams     = 10_000
	transferBytes = 8 << 20
	segments      = transferBytes / 1500 // at least
)

// blocked lies in forward.block; server1 has no such address.
var blocked = netip.MustParseAddr("198.51.100.70")

var (
	router4 = netip.MustParseAddr("192.0.2.1")
	router6 = netip.MustParseAddr("2001:db8:1::1")
)

func scenes() []scene {
	return []scene{
		{name: "UDP, IPv4, to server1", send: datagramsTo("server1", topo.DemoServer14), reason: "forward"},
		{name: "UDP, IPv6, to server1", send: datagramsTo("server1", topo.DemoServer16), reason: "forward"},
		{name: "TCP, IPv4, 8 MiB to server1", send: transferTo(topo.DemoServer14), reason: "forward", more: true},
		{name: "TCP, IPv6, 8 MiB to server1", send: transferTo(topo.DemoServer16), reason: "forward", more: true},
		{name: "ping server1, IPv4", send: echo(topo.DemoServer14, 64, true), reason: "forward"},
		{name: "ping server1, IPv6", send: echo(topo.DemoServer16, 64, true), reason: "forward"},
		{name: "UDP, IPv4, to server2", send: datagramsTo("server2", topo.DemoServer24), reason: "pass_no_match"},
		{name: "ping the router, IPv4", send: echo(router4, 64, true), reason: "pass_local"},
		{name: "ping the router, IPv6", send: echo(router6, 64, true), reason: "pass_local"},
		{name: "ping server1 with TTL 1", send: echo(topo.DemoServer14, 1, false), reason: "pass_ttl"},
		{name: "ping a blocked address", send: noEcho(blocked), reason: "drop_blocked"},
	}
}

func client(to netip.Addr) netip.Addr {
	if to.Is6() {
		return topo.DemoClient6
	}
	return topo.DemoClient4
}

func (s *stage) flow(host string, to netip.Addr, rate int) wire.Flow {
	return wire.Flow{From: s.lab.Host("client"), To: s.lab.Host(host), Rate: rate, Size: 64,
		Source: netip.AddrPortFrom(client(to), 40000), Destination: netip.AddrPortFrom(to, 5000)}
}

// datagramsTo sends numbered datagrams, of which none may be lost, doubled or
// altered.
func datagramsTo(host string, to netip.Addr) send {
	return func(ctx context.Context, s *stage) (uint64, string, error) {
		flow, err := s.flow(host, to, 50_000).Start(ctx)
		if err != nil {
			return 0, "", err
		}
		for flow.Sent() < datagrams && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		report, err := flow.Stop()
		return report.Sent, fmt.Sprintf("%d sent, %d arrived", report.Sent, report.Received), errors.Join(err, report.Err())
	}
}

func transferTo(to netip.Addr) send {
	return func(ctx context.Context, s *stage) (uint64, string, error) {
		report, err := wire.Transfer{From: s.lab.Host("client"), To: s.lab.Host("server1"),
			Server: netip.AddrPortFrom(to, 80), Bytes: transferBytes}.Run(ctx)
		if err != nil {
			return 0, "", err
		}
		rate := float64(transferBytes) * 8 / 1e9 / report.Elapsed.Seconds()
		return segments, fmt.Sprintf("intact, %.1f Gbit/s", rate), nil
	}
}

// echo sends a request that must be answered: by its destination, or by the
// router with an error.
func echo(to netip.Addr, ttl int, fromDestination bool) send {
	return func(ctx context.Context, s *stage) (uint64, string, error) {
		reply, err := wire.Echo{From: s.lab.Host("client"), To: to, TTL: ttl, Size: 32}.Send(ctx)
		if err != nil {
			return 0, "", err
		}
		if reply.Echo != fromDestination {
			return 0, "", fmt.Errorf("type %d code %d from %s came back", reply.Type, reply.Code, reply.From)
		}
		if fromDestination {
			return 1, "answered", nil
		}
		return 1, fmt.Sprintf("time exceeded, says %s", reply.From), nil
	}
}

// noEcho sends a request that nobody may answer.
func noEcho(to netip.Addr) send {
	return func(ctx context.Context, s *stage) (uint64, string, error) {
		waiting, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		reply, err := wire.Echo{From: s.lab.Host("client"), To: to, Size: 32}.Send(waiting)
		if err == nil {
			return 0, "", fmt.Errorf("type %d from %s came back", reply.Type, reply.From)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			return 0, "", err
		}
		return 1, "no answer", nil
	}
}
