// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prober makes probes over the connections that dial makes.
type prober struct {
	dial func(context.Context, Check) (net.Conn, error)
}

// probe returns nil if the backend passes the check before ctx ends, and
// otherwise says in plain words why not: an *ownError if the backend had no part
// in it.
func (p prober) probe(ctx context.Context, c Check) error {
	conn, err := p.dial(ctx, c)
	if err != nil {
		return plain(err, c)
	}
	defer conn.Close()
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(past) })
	defer stop()
	switch c.Type {
	case "http":
		return get(conn, c)
	case "https":
		secure := tls.Client(conn, &tls.Config{
			ServerName:         serverName(c), // of an address crypto/tls sends none, as RFC 6066 wants it
			NextProtos:         []string{"http/1.1"},
			InsecureSkipVerify: true, // see the package's comment
		})
		if err := secure.Handshake(); err != nil {
			return fmt.Errorf("TLS handshake: %w", plain(err, c))
		}
		return get(secure, c)
	}
	return nil
}

// dial connects to the target of a check. The connection will be closed by a
// reset, not a FIN, so that it is over at once at both ends. All backends of a
// service are probed at one address and port: connections in TIME-WAIT would use
// up the local ports, and a backend that hangs would be sent each FIN for
// minutes. The price: some servers log a tcp check as a reset connection.
func dial(ctx context.Context, c Check) (net.Conn, error) {
	d := net.Dialer{
		KeepAlive: -1, // it won't live so long
		Control: func(_, _ string, socket syscall.RawConn) error {
			if c.Mark == 0 {
				return nil
			}
			return steer(socket, c.Mark)
		},
	}
	conn, err := d.DialTCP(ctx, "tcp", netip.AddrPort{}, c.Target)
	if err != nil {
		return nil, err
	}
	if err := conn.SetLinger(0); err != nil {
		conn.Close()
		return nil, &ownError{err}
	}
	return conn, nil
}

// maxSegment is what a marked probe sends at once, in bytes: with any outer
// header it fits the least MTU of IPv6. See dataplane.ProbeTarget.
const maxSegment = 1220

// steer makes the packets of a socket that has sent none such as can be steered:
// marked, and small.
func steer(socket syscall.RawConn, mark uint32) error {
	for _, o := range []struct {
		doing              string
		level, name, value int
	}{
		{"setting SO_MARK, for which the daemon needs CAP_NET_ADMIN", unix.SOL_SOCKET, unix.SO_MARK, int(mark)},
		{"setting TCP_MAXSEG", unix.SOL_TCP, unix.TCP_MAXSEG, maxSegment},
	} {
		var failed error
		err := socket.Control(func(fd uintptr) {
			failed = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), o.level, o.name, o.value))
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			return &ownError{fmt.Errorf("%s: %w", o.doing, err)}
		}
	}
	return nil
}
