// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"golang.org/x/sys/unix"
)

// maxDescriptors is how many a request can carry: the one that it may, and
// another by which to see that there were more. The kernel drops the rest.
const maxDescriptors = 2

// passingListener accepts connections on which root may pass descriptors
// (SCM_RIGHTS in unix(7)).
type passingListener struct{ net.Listener }

// Accept implements net.Listener. What others pass than uid 0 is never received:
// the kernel drops it.
func (l passingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	cred, err := peerOf(c)
	if err != nil || cred.Uid != 0 {
		return c, nil
	}
	return &passingConn{UnixConn: c.(*net.UnixConn)}, nil
}

// passingConn keeps the descriptors that come with what is read, until they are
// taken or it is closed.
type passingConn struct {
	*net.UnixConn

	mu     sync.Mutex
	came   []int // guarded by mu, as is closed
	closed bool
}

// Read implements net.Conn.
func (c *passingConn) Read(b []byte) (int, error) {
	room := make([]byte, unix.CmsgSpace(4*maxDescriptors))
	n, controls, _, _, err := c.ReadMsgUnix(b, room)
	if controls > 0 {
		c.keep(room[:controls])
	}
	if errors.Is(err, io.EOF) {
		err = io.EOF // bare, as Read returns it
	}
	return n, err
}

// keep takes over descriptors from control messages. It closes those that are too
// many.
func (c *passingConn) keep(controls []byte) {
	messages, err := unix.ParseSocketControlMessage(controls)
	if err != nil {
		return // the kernel made it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range messages {
		descriptors, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // other than descriptors
		}
		for _, fd := range descriptors {
			if c.closed || len(c.came) == maxDescriptors {
				unix.Close(fd)
				continue
			}
			c.came = append(c.came, fd)
		}
	}
}

// take hands over what came since the last time, for the caller to close.
func (c *passingConn) take() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := c.came
	c.came = nil
	return came
}

// Close implements net.Conn.
func (c *passingConn) Close() error {
	err := c.UnixConn.Close()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	closeAll(c.take())
	return err
}

func closeAll(descriptors []int) {
	for _, fd := range descriptors {
		unix.Close(fd)
	}
}

type descriptorsKey struct{}

// descriptorsOf are those that came with a request. They are closed when it has
// been answered.
func descriptorsOf(ctx context.Context) []int {
	descriptors, _ := ctx.Value(descriptorsKey{}).([]int)
	return descriptors
}

// withDescriptors gives each request the descriptors that came with it. The
// first byte brings them, so they are there when the request's header is.
func withDescriptors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(peerKey{}).(peer); ok && c.passing != nil {
			descriptors := c.passing.take()
			defer closeAll(descriptors)
			r = r.WithContext(context.WithValue(r.Context(), descriptorsKey{}, descriptors))
		}
		next.ServeHTTP(w, r)
	})
}
