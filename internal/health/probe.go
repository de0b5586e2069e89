// SPDX-License-Identifier: Apache-2.0

package health

import (
	"bytes"
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
			ServerName:         hostname(c), // of an address crypto/tls sends none, as RFC 6066 wants it
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
			return setMark(socket, c.Mark)
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

// setMark marks the packets of a socket that has sent none.
func setMark(socket syscall.RawConn, mark uint32) error {
	if mark == 0 {
		return nil
	}
	var failed error
	err := socket.Control(func(fd uintptr) {
		failed = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark)))
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return &ownError{fmt.Errorf("setting SO_MARK, for which the daemon needs CAP_NET_ADMIN: %w", err)}
	}
	return nil
}

// hostname is what the host is called in TLS.
func hostname(c Check) string {
	if c.Host != "" {
		return c.Host
	}
	return c.Target.Addr().String()
}

// request is what get sends. Path and Host are sent as they are: that they fit
// in is up to whoever reads the configuration.
func request(c Check) []byte {
	host := c.Host
	if host == "" {
		host = c.Target.String()
		if c.Type == "http" && c.Target.Port() == 80 || c.Type == "https" && c.Target.Port() == 443 {
			host = address(c.Target.Addr())
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: clearway\r\nAccept: */*\r\nConnection: close\r\n\r\n", c.Path, host)
	return b.Bytes()
}

// address is an address as it stands in a URI (RFC 3986, section 3.2.2).
func address(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
