// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"
)

// Reader reads the state again and again. While its [Reader.Watch] runs, it
// dumps routing tables only after a route changed that matters, so that one
// can watch a machine with a full Internet table. The zero value is ready; its
// methods may be called concurrently.
type Reader struct {
	reading sync.Mutex // one Read or NextHops at a time

	mu       sync.Mutex // for all below
	watched  int        // watches that run
	stale    bool       // a route changed since routes were read
	ip4, ip6 *routing   // as last read; not changed after
	followed followed   // by the last NextHops
}

// Read reads the whole state of the calling thread's network namespace. It
// needs CAP_NET_ADMIN for the IPsec policies.
func Read(ctx context.Context) (View, error) {
	return new(Reader).Read(ctx)
}

// Read reads the state of the calling thread's network namespace, which must
// be the same every time. It needs CAP_NET_ADMIN for the IPsec policies.
func (r *Reader) Read(ctx context.Context) (View, error) {
	return alone(ctx, r, r.read)
}

// alone reads something while r reads nothing else.
func alone[T any](ctx context.Context, r *Reader, read func(context.Context) (T, error)) (T, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	whole, err := read(ctx)
	if ctx.Err() != nil { // says more than the deadline that ended a socket
		err = ctx.Err()
	}
	if err != nil {
		var none T
		return none, err
	}
	return whole, nil
}

func (r *Reader) read(ctx context.Context) (View, error) {
	socket, err := dialRoute(ctx)
	if err != nil {
		return View{}, err
	}
	defer socket.close()
	ip4, ip6, err := r.routing(socket)
	if err != nil {
		return View{}, err
	}
	v, mtu, err := readView(ctx, socket)
	v.Exceptions = append(ip4.exceptions(mtu), ip6.exceptions(mtu)...)
	v.ExceptionsCut = ip4.cut || ip6.cut
	return v, err
}

// routing returns what was read of the routing tables, and reads them before
// if that may be out of date.
func (r *Reader) routing(socket *rtnetlink) (ip4, ip6 *routing, err error) {
	r.mu.Lock()
	ip4, ip6 = r.ip4, r.ip6
	fresh := r.watched > 0 && !r.stale && ip4 != nil
	r.stale = false // a change from here on is seen in the next Read
	r.mu.Unlock()
	if fresh {
		return ip4, ip6, nil
	}
	ip4, ip6, err = readRouting(socket)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.stale = true
		return nil, nil, err
	}
	r.ip4, r.ip6 = ip4, ip6
	return ip4, ip6, nil
}

func readRouting(socket *rtnetlink) (ip4, ip6 *routing, err error) {
	encap, err := socket.encapNexthops()
	if err != nil {
		return nil, nil, err
	}
	if ip4, err = socket.routing(unix.AF_INET, encap); err != nil {
		return nil, nil, err
	}
	if ip6, err = socket.routing(unix.AF_INET6, encap); err != nil {
		return nil, nil, err
	}
	return ip4, ip6, nil
}
