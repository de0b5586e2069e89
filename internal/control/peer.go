// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

// peerListener accepts connections and looks who is at the other end.
type peerListener struct{ net.Listener }

// peerConn is a connection with what its peer may.
type peerConn struct {
	*net.UnixConn
	mayChange bool // it is of uid 0
	passed    passed
}

// Accept implements net.Listener.
func (l peerListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	u, ok := c.(*net.UnixConn)
	if err != nil || !ok {
		return c, err
	}
	return &peerConn{UnixConn: u, mayChange: isRoot(u)}, nil
}

// isRoot says whether the peer was uid 0 when it connected (unix(7), SO_PEERCRED).
func isRoot(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var root bool
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		root = err == nil && cred.Uid == 0
	})
	return err == nil && root
}

type peerKey struct{}

// withPeer notes in a connection's context who is at the other end. Where it can't
// be told, as over TCP, the context carries nothing, and changes are refused.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if p, ok := c.(*peerConn); ok {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// mayChange says whether the peer of a request may change anything.
func mayChange(ctx context.Context) bool {
	p, ok := ctx.Value(peerKey{}).(*peerConn)
	return ok && p.mayChange
}
