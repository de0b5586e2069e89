// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"golang.org/x/sys/unix"
)

// maxDescriptors is how many a request can carry: the one that it may, and
// another by which to see that there were more. The kernel drops the rest.
const maxDescriptors = 2

// passed are the descriptors that came by a connection (SCM_RIGHTS in unix(7)).
// They wait to be taken, or for its end.
type passed struct {
	mu     sync.Mutex
	came   []int // guarded by mu, as is closed
	closed bool
}

// Read implements net.Conn. It keeps the descriptors that uid 0 passes along. Those
// of others are never received: the kernel drops them.
func (c *peerConn) Read(b []byte) (int, error) {
	if !c.mayChange {
		return c.UnixConn.Read(b)
	}
	room := make([]byte, unix.CmsgSpace(4*maxDescriptors))
	n, controls, _, _, err := c.ReadMsgUnix(b, room)
	if controls > 0 {
		c.passed.keep(room[:controls])
	}
	if errors.Is(err, io.EOF) {
		err = io.EOF // bare, as Read returns it
	}
	return n, err
}

// keep takes over descriptors from control messages. It closes those that are too
// many.
func (p *passed) keep(controls []byte) {
	messages, err := unix.ParseSocketControlMessage(controls)
	if err != nil {
		return // the kernel made it
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range messages {
		descriptors, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // other than descriptors
		}
		for _, fd := range descriptors {
			if p.closed || len(p.came) == maxDescriptors {
				unix.Close(fd)
				continue
			}
			p.came = append(p.came, fd)
		}
	}
}

// take hands over what came since the last time, for the caller to close.
func (p *passed) take() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	came := p.came
	p.came = nil
	return came
}

// Close implements net.Conn.
func (c *peerConn) Close() error {
	err := c.UnixConn.Close()
	c.passed.mu.Lock()
	c.passed.closed = true
	c.passed.mu.Unlock()
	closeAll(c.passed.take())
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
		if c, ok := r.Context().Value(peerKey{}).(*peerConn); ok {
			descriptors := c.passed.take()
			defer closeAll(descriptors)
			r = r.WithContext(context.WithValue(r.Context(), descriptorsKey{}, descriptors))
		}
		next.ServeHTTP(w, r)
	})
}
