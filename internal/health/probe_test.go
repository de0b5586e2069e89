// SPDX-License-Identifier: Apache-2.0

package health

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
)

// short is a timeout that the answers of these tests don't need.
const short = 300 * time.Millisecond

// serve accepts connections until the test ends and returns where. Each is
// closed when answer returns.
func serve(t *testing.T, answer func(*net.TCPConn)) netip.AddrPort {
	t.Helper()
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				answer(conn)
			})
		}
	})
	t.Cleanup(all.Wait)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().(*net.TCPAddr).AddrPort()
}

// ask makes one probe.
func ask(t *testing.T, c Check) error {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), c.Timeout)
	defer cancel()
	started := time.Now()
	err := prober{dial: dial}.probe(ctx, c)
	if took := time.Since(started); took > c.Timeout+2*time.Second {
		t.Errorf("the probe took %v, with a timeout of %v", took, c.Timeout)
	}
	return err
}

// wantError compares an error's text; "" is none.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("no error, want %q", want)
	case err != nil && err.Error() != want:
		t.Errorf("error %q, want %q", err, want)
	}
}

// hang waits for the other end to go.
func hang(conn net.Conn) { io.Copy(io.Discard, conn) }

// reset closes a connection by an RST, after what was written has been read.
func reset(conn *net.TCPConn) {
	time.Sleep(50 * time.Millisecond)
	conn.SetLinger(0)
}

// skipRequest reads a request up to its end.
func skipRequest(conn net.Conn) {
	for r := bufio.NewReader(conn); ; {
		if line, err := r.ReadString('\n'); err != nil || line == "\r\n" {
			return
		}
	}
}

func TestTCP(t *testing.T) {
	at := serve(t, func(conn *net.TCPConn) { hang(conn) })
	wantError(t, ask(t, Check{Type: "tcp", Target: at}), "")
}

func TestRefused(t *testing.T) {
	for _, kind := range []string{"tcp", "http", "https"} {
		wantError(t, ask(t, Check{Type: kind, Target: nobody(t)}), "connection refused")
	}
}

// nobody returns an address on which nobody listens.
func nobody(t *testing.T) netip.AddrPort {
	t.Helper()
	fd := socket(t, syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	return local(t, fd)
}

// TestNoAnswer: a listener whose backlog is full drops what comes.
func TestNoAnswer(t *testing.T) {
	fd := socket(t, syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	at := local(t, fd)
	conn, err := net.Dial("tcp", at.String()) // a backlog of 0 takes one
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wantError(t, ask(t, Check{Type: "tcp", Target: at, Timeout: short}), "no answer within 300ms")
}

func socket(t *testing.T, address syscall.SockaddrInet4) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &address); err != nil {
		t.Fatal(err)
	}
	return fd
}

func local(t *testing.T, fd int) netip.AddrPort {
	t.Helper()
	address, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in := address.(*syscall.SockaddrInet4)
	return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
}

// TestClosedByReset: nothing of a probe stays behind at either end.
func TestClosedByReset(t *testing.T) {
	ended := make(chan error, 1)
	at := serve(t, func(conn *net.TCPConn) {
		_, err := conn.Read(make([]byte, 1))
		ended <- err
	})
	wantError(t, ask(t, Check{Type: "tcp", Target: at}), "")
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server's end: %v, want a reset", err)
	}
}

// TestMark: a marked socket is also kept from sending more at once than fits every
// path; one without a mark is left as it is.
func TestMark(t *testing.T) {
	testkit.RequireRoot(t)
	at := serve(t, func(conn *net.TCPConn) { hang(conn) })
	for _, mark := range []uint32{0, 7, 0xc0000001, 0xffffffff} {
		conn, err := dial(t.Context(), Check{Target: at, Mark: mark})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		option := func(level, name int) (got int) {
			raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), level, name) })
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := uint32(option(unix.SOL_SOCKET, unix.SO_MARK)); got != mark {
			t.Errorf("the mark is %#x, want %#x", got, mark)
		}
		if got := option(unix.SOL_TCP, unix.TCP_MAXSEG); (got <= maxSegment) != (mark != 0) {
			t.Errorf("with mark %#x at most %d bytes are sent at once, the limit of marked ones is %d", mark, got, maxSegment)
		}
	}
}

// TestMarkRefused: that we may not mark is no fault of the backend.
func TestMarkRefused(t *testing.T) {
	testkit.RequireRoot(t)
	at := serve(t, func(conn *net.TCPConn) { hang(conn) })
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // which ends with the goroutine, and its lack of capabilities with it
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			done <- err
			return
		}
		done <- prober{dial: dial}.probe(context.Background(), Check{Type: "tcp", Target: at, Mark: 1, Timeout: time.Second})
	}()
	err := <-done
	if own := (*ownError)(nil); !errors.As(err, &own) {
		t.Errorf("%T, want it to be our own", err)
	}
	wantError(t, err, "setting SO_MARK, for which the daemon needs CAP_NET_ADMIN: setsockopt: operation not permitted")
}

func TestPlain(t *testing.T) {
	dialing := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: &net.OpError{Op: "connect", Err: err}}
	}
	long := errors.New(string(make([]byte, 1000)))
	rows := []struct {
		err  error
		want string
		own  bool
	}{
		{dialing(syscall.ECONNREFUSED), "connection refused", false},
		{dialing(syscall.EHOSTUNREACH), "no route to host", false},
		{dialing(syscall.ENETUNREACH), "network is unreachable", false},
		{dialing(syscall.ETIMEDOUT), "no answer within 1s", false},
		{dialing(context.DeadlineExceeded), "no answer within 1s", false},
		{dialing(syscall.EPIPE), "connection reset", false},
		{io.EOF, "connection closed", false},
		{long, long.Error()[:longest] + "…", false},
		{dialing(syscall.EMFILE), "dial tcp: connect: too many open files", true},
		{dialing(syscall.EADDRNOTAVAIL), "dial tcp: connect: cannot assign requested address", true},
		{dialing(&ownError{errors.New("no")}), "no", true},
	}
	for _, row := range rows {
		err := plain(row.err, Check{Timeout: time.Second})
		wantError(t, err, row.want)
		if own := (*ownError)(nil); errors.As(err, &own) != row.own {
			t.Errorf("%v is our own: %v, want %v", err, !row.own, row.own)
		}
	}
}
