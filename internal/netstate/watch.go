// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"clearway/dataplane"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// settle is how long changes are gathered before they are told: a link that
// comes up brings a dozen messages.
const settle = 20 * time.Millisecond

// routeGroups are the multicast groups of rtnetlink.
var routeGroups = []uint32{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_NEXTHOP,
	unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
}

const xfrmGroupPolicy = 4 // XFRMNLGRP_POLICY

// watchBuffer is how many bytes of messages may wait. What doesn't fit costs a
// full read, nothing else.
const watchBuffer = 4 << 20

// Watch subscribes to changes of the state of the calling thread's network
// namespace before it returns, and then tells of them: one receive may stand
// for many changes, and after it the state is to be read again. Changes of
// routes and neighbours are told of only where they concern something in the
// View, or an answer of [Reader.NextHops]. The channel is closed when ctx ends,
// or, with an error in the log, when the kernel's messages can't be received
// any more.
func (r *Reader) Watch(ctx context.Context, log *slog.Logger) (<-chan struct{}, error) {
	subscriptions, err := subscribe()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan struct{}, 1)
	out := make(chan struct{}, 1)
	var tasks sync.WaitGroup
	for _, s := range subscriptions {
		tasks.Go(func() {
			defer cancel() // what was missed from here on nobody would know
			r.follow(ctx, s, changed, log)
		})
		context.AfterFunc(ctx, func() { s.conn.Close() })
	}
	r.setWatched(+1)
	go func() {
		defer close(out)
		defer cancel()
		settleChanges(ctx, changed, out)
		tasks.Wait()
		r.setWatched(-1)
	}()
	return out, nil
}

func (r *Reader) setWatched(by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watched += by
	r.stale = true // nobody watched before
}

// settleChanges passes changes on, many as one.
func settleChanges(ctx context.Context, changed <-chan struct{}, out chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settle):
		}
		signal(out)
	}
}

// signal makes sure that a receive from c, which has a buffer of one, succeeds.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// follow receives messages until ctx ends and signals those that matter.
func (r *Reader) follow(ctx context.Context, s subscription, changed chan<- struct{}, log *slog.Logger) {
	for {
		messages, err := s.conn.Receive()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, unix.ENOBUFS):
			log.Info("the kernel told of more changes than could be received; reading everything again", "of", s.what)
			if s.what != neighbourChanges {
				r.setStale()
			}
			signal(changed)
		case err != nil:
			log.Error("watching the kernel's network state ended", "error", err)
			return
		default:
			for _, m := range messages {
				if r.matters(m) {
					signal(changed)
				}
			}
		}
	}
}

func (r *Reader) setStale() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stale = true
}

// matters says whether a message is about something in the View or in an answer
// of NextHops, and notes whether the routes must be read again.
func (r *Reader) matters(m netlink.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.ip4 != nil && !r.stale
	switch m.Header.Type {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		one, err := decodeRoute(m.Data)
		if err == nil && (one.kind == unix.RTN_LOCAL || one.kind == unix.RTN_BROADCAST) {
			return true // own addresses are read every time
		}
		g := r.ip4
		if one.prefix.Addr().Is6() {
			g = r.ip6
		}
		if err == nil && known && !g.touchedBy(one) {
			return r.followed.leads(one.prefix)
		}
		r.stale = true
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		n, ok, err := decodeNeighbour(m.Data)
		if m.Header.Type == unix.RTM_DELNEIGH {
			n.mac = dataplane.MAC{}
		}
		return err != nil || ok && r.followed.contradicts(n)
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		r.stale = true
	case unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_DELADDR:
		// A device or address that goes takes IPv4 routes with it, and the
		// kernel doesn't say so.
		if known && len(r.ip4.odd)+len(r.ip6.odd) > 0 {
			r.stale = true
		}
	}
	return true
}

// subscription is a socket that receives messages of a kind.
type subscription struct {
	conn *netlink.Conn
	what string
}

// neighbourChanges come by a socket of their own: there may be very many, and
// when some are lost the routes needn't be read again.
const neighbourChanges = "neighbours"

// subscribe opens a socket for each kind of messages.
func subscribe() (all []subscription, err error) {
	defer func() {
		if err != nil {
			for _, s := range all {
				s.conn.Close()
			}
		}
	}()
	netdev, err := netdevGroupID()
	if err != nil {
		return all, err
	}
	for _, kind := range []struct {
		what     string
		protocol int
		groups   []uint32
	}{
		{"links, addresses, routes, rules and sysctls", unix.NETLINK_ROUTE, routeGroups},
		{neighbourChanges, unix.NETLINK_ROUTE, []uint32{unix.RTNLGRP_NEIGH}},
		{"IPsec policies", unix.NETLINK_XFRM, []uint32{xfrmGroupPolicy}},
		{"XDP features", unix.NETLINK_GENERIC, []uint32{netdev}},
	} {
		if kind.groups[0] == 0 { // before Linux 6.3
			continue
		}
		conn, err := join(kind.protocol, kind.groups...)
		if kind.protocol == unix.NETLINK_XFRM && errors.Is(err, unix.EPROTONOSUPPORT) { // a kernel without IPsec
			continue
		}
		if err != nil {
			return all, fmt.Errorf("subscribing to changes of %s: %w", kind.what, err)
		}
		all = append(all, subscription{conn, kind.what})
	}
	return all, nil
}

func join(protocol int, groups ...uint32) (*netlink.Conn, error) {
	conn, err := netlink.Dial(protocol, nil)
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(watchBuffer); err != nil {
		conn.Close()
		return nil, err
	}
	for _, group := range groups {
		if err := conn.JoinGroup(group); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// netdevGroupID finds the group in which the kernel tells of XDP features; 0
// before Linux 6.3.
func netdevGroupID() (uint32, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return 0, fmt.Errorf("opening a generic netlink socket: %w", err)
	}
	defer conn.Close()
	family, err := conn.GetFamily(netdevFamily)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("finding the netdev netlink family: %w", err)
	}
	for _, group := range family.Groups {
		if group.Name == netdevGroup {
			return group.ID, nil
		}
	}
	return 0, nil
}
