// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

type peerKey struct{}

// peer is who is at the other end of a connection.
type peer struct {
	cred    *unix.Ucred
	passing *passingConn // nil: it can't pass descriptors
}

// withPeer notes in a connection's context who is at the other end. Without
// credentials the context carries none, and changes are refused.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	var p peer
	if passing, ok := c.(*passingConn); ok {
		p.passing, c = passing, passing.UnixConn
	}
	var err error
	if p.cred, err = peerOf(c); err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// mayChange says whether the peer of a request is uid 0.
func mayChange(ctx context.Context) bool {
	p, ok := ctx.Value(peerKey{}).(peer)
	return ok && p.cred.Uid == 0
}

// peerOf reads the credentials that the peer had when it connected (unix(7),
// SO_PEERCRED).
func peerOf(c net.Conn) (*unix.Ucred, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("%s is no unix socket", c.RemoteAddr().Network())
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		cred, optErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return nil, err
	}
	return cred, optErr
}
