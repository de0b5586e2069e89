// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// Transfer is the blueprint of a TCP connection that carries data one way. The
// server answers with the SHA-256 of what it got.
type Transfer struct {
	From, To *topo.Host
	Source   netip.AddrPort // zero: chosen by the kernel
	Server   netip.AddrPort // an address of To; port 0 is chosen by the kernel
	Bytes    int64
	// Rate limits the transfer, in bytes a second, to make it last. 0: no limit.
	Rate int64
}

// TransferReport tells how a transfer went.
type TransferReport struct {
	Elapsed     time.Duration // from dialling to the server's answer
	Retransmits uint32        // segments that the client sent again
	MSS         uint32        // bytes of data in a segment from the client at most
}

// Run makes the transfer. It returns nil as error only if the server got
// exactly what the client sent.
func (t Transfer) Run(ctx context.Context) (TransferReport, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := t.To.Listen(ctx, "tcp", t.Server)
	if err != nil {
		return TransferReport{}, fmt.Errorf("transferring: %w", err)
	}
	defer l.Close()
	t.Server = l.Addr().(*net.TCPAddr).AddrPort()
	served := make(chan error, 1)
	go func() { served <- answer(ctx, l) }()
	r, err := t.client(ctx)
	if err != nil {
		cancel()  // the server may wait for more, or,
		l.Close() // if nothing got through, for a connection
	}
	if err := errors.Join(err, <-served); err != nil {
		return r, fmt.Errorf("transferring to %v: %w", t.Server, err)
	}
	return r, nil
}

// answer takes one connection, reads it to its end and answers with the hash.
func answer(ctx context.Context, l net.Listener) error {
	conn, err := l.Accept()
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	hash := sha256.New()
	if _, err := io.Copy(hash, conn); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	if _, err := conn.Write(hash.Sum(nil)); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

func (t Transfer) client(ctx context.Context) (r TransferReport, err error) {
	start := time.Now()
	conn, err := t.dial(ctx)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	hash := sha256.New()
	if err := t.write(io.MultiWriter(conn, hash)); err != nil {
		return r, fmt.Errorf("client: %w", err)
	}
	if err := conn.CloseWrite(); err != nil {
		return r, fmt.Errorf("client: %w", err)
	}
	echo, err := io.ReadAll(conn)
	if err != nil {
		return r, fmt.Errorf("client: waiting for the answer: %w", err)
	}
	r.Elapsed = time.Since(start)
	if !bytes.Equal(echo, hash.Sum(nil)) {
		return r, errors.New("the server got something other than what was sent")
	}
	info, err := tcpInfo(conn)
	if err != nil {
		return r, err
	}
	r.Retransmits, r.MSS = info.Total_retrans, info.Snd_mss
	return r, nil
}

// dial connects from within the client's namespace.
func (t Transfer) dial(ctx context.Context) (conn *net.TCPConn, err error) {
	var d net.Dialer
	if t.Source.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(t.Source)
	}
	err = t.From.Do(func() error {
		c, err := d.DialContext(ctx, "tcp", t.Server.String())
		if err == nil {
			conn = c.(*net.TCPConn)
		}
		return err
	})
	return conn, err
}

// write writes random bytes at the transfer's rate.
func (t Transfer) write(w io.Writer) error {
	data := io.LimitReader(rand.NewChaCha8([32]byte{}), t.Bytes)
	if t.Rate <= 0 {
		_, err := io.Copy(w, data)
		return err
	}
	const pieces = 50 // a second
	tick := time.NewTicker(time.Second / pieces)
	defer tick.Stop()
	for {
		_, err := io.CopyN(w, data, max(t.Rate/pieces, 1))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		<-tick.C
	}
}

func tcpInfo(conn *net.TCPConn) (info *unix.TCPInfo, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	return info, errors.Join(err, ctlErr)
}
