// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// rtnetlink is a socket for requests to the kernel's routing, or to its IPsec,
// which speaks the same way.
type rtnetlink struct {
	conn *netlink.Conn
	stop func() bool
}

// dialRoute opens a socket in the network namespace of the calling thread.
// Requests on it end with ctx.
func dialRoute(ctx context.Context) (*rtnetlink, error) {
	return dialRouteIn(ctx, 0)
}

// dialRouteIn opens a socket in the namespace that a descriptor names, or in
// that of the calling thread if it is 0.
func dialRouteIn(ctx context.Context, netns int) (*rtnetlink, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: netns, Strict: true})
	if err != nil {
		return nil, fmt.Errorf("opening a rtnetlink socket: %w", err)
	}
	return newRTNetlink(ctx, conn), nil
}

func newRTNetlink(ctx context.Context, conn *netlink.Conn) *rtnetlink {
	long := time.Unix(1, 0) // ago
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(long) })
	return &rtnetlink{conn: conn, stop: stop}
}

func (r *rtnetlink) close() {
	r.stop()
	r.conn.Close()
}

// dumpTries is how often a dump is asked for that changes interrupt. The last
// answer is taken as it is: whoever watches hears of the change and reads again.
const dumpTries = 3

// dump asks for all objects of a kind and returns those that decode wants. The
// messages are decoded as they come, so that a full routing table is never
// held as a whole.
func dump[T any](r *rtnetlink, kind uint16, body []byte, decode func([]byte) (T, bool, error)) ([]T, error) {
	for try := 1; ; try++ {
		all, interrupted, err := dumpOnce(r, kind, body, decode)
		if err != nil || !interrupted || try == dumpTries {
			return all, err
		}
	}
}

func dumpOnce[T any](r *rtnetlink, kind uint16, body []byte, decode func([]byte) (T, bool, error)) (all []T, interrupted bool, err error) {
	request := netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.Dump},
		Data:   body,
	}
	if request, err = r.conn.Send(request); err != nil {
		return nil, false, err
	}
	for m, receiveErr := range r.conn.ReceiveIter() {
		if receiveErr != nil {
			return nil, false, receiveErr
		}
		if m.Header.Sequence != request.Header.Sequence {
			return nil, false, errors.New("the kernel answered another request")
		}
		interrupted = interrupted || m.Header.Flags&netlink.DumpInterrupted != 0
		if err != nil {
			continue // to the end of the answer
		}
		var one T
		var wanted bool
		if one, wanted, err = decode(m.Data); wanted {
			all = append(all, one)
		}
	}
	return all, interrupted, err
}
