// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// Echo is an ICMP or ICMPv6 echo request.
type Echo struct {
	From    *topo.Host
	To      netip.Addr
	TTL     int    // or hop limit; default 64
	Size    int    // bytes of data after the ICMP header
	ID, Seq uint16 // distinguish requests that are under way at once
}

// Reply is the ICMP message that came because of an echo request: the echo
// reply, or an error such as "time exceeded".
type Reply struct {
	From       netip.Addr
	Type, Code uint8
	Echo       bool // it is the echo reply
	RTT        time.Duration
}

// Send sends the request and waits for the first message that comes because of
// it, until ctx ends.
func (e Echo) Send(ctx context.Context) (Reply, error) {
	r, err := e.send(ctx)
	if err != nil {
		return r, fmt.Errorf("echo from %s to %v: %w", e.From.Name(), e.To, err)
	}
	return r, nil
}

func (e Echo) send(ctx context.Context) (Reply, error) {
	p := protocolOf(e.To)
	s, err := newSocket(e.From, p.domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK, p.number, func(fd int) error {
		return unix.SetsockoptInt(fd, p.level, p.ttl, cmp.Or(e.TTL, 64))
	})
	if err != nil {
		return Reply{}, err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.SetReadDeadline(time.Unix(1, 0)) })()
	start := time.Now()
	if err := s.sendTo(p.message(e), e.To); err != nil {
		return Reply{}, err
	}
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.receiveFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = ctx.Err()
		}
		if err != nil {
			return Reply{}, err
		}
		if r, ok := p.answer(buf[:n], e); ok {
			r.From, r.RTT = from, time.Since(start)
			return r, nil
		}
	}
}

func (s *socket) sendTo(message []byte, to netip.Addr) (err error) {
	ctlErr := s.raw.Control(func(fd uintptr) {
		err = unix.Sendto(int(fd), message, 0, sockaddr(netip.AddrPortFrom(to, 0)))
	})
	return errors.Join(ctlErr, os.NewSyscallError("sendto", err))
}

func (s *socket) receiveFrom(buf []byte) (n int, from netip.Addr, err error) {
	var sa unix.Sockaddr
	waitErr := s.raw.Read(func(fd uintptr) bool {
		n, sa, err = unix.Recvfrom(int(fd), buf, 0)
		return err != unix.EAGAIN
	})
	if err := errors.Join(waitErr, os.NewSyscallError("recvfrom", err)); err != nil {
		return 0, from, err
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		from = netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		from = netip.AddrFrom16(sa.Addr)
	}
	return n, from, nil
}
