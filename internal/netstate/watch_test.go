// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"clearway/internal/topo"

	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"golang.org/x/sys/unix"
)

// quiet is how long nothing must be told before it counts as nothing.
const quiet = 5 * settle

// watch starts a Reader's watch inside a host, and reads once.
func watch(t *testing.T, h *topo.Host) (r *Reader, changes <-chan struct{}, stop func()) {
	t.Helper()
	r = new(Reader)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	err := h.Do(func() (err error) {
		if changes, err = r.Watch(ctx, slog.New(slog.DiscardHandler)); err == nil {
			_, err = r.Read(t.Context())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, changes, stop
}

// told waits for a change, or for quiet.
func told(changes <-chan struct{}, patience time.Duration) bool {
	select {
	case _, ok := <-changes:
		return ok
	case <-time.After(patience):
		return false
	}
}

func settled(changes <-chan struct{}) {
	for told(changes, quiet) {
	}
}

func TestWatch(t *testing.T) {
	router := newLab(t).Host("router")
	_, changes, _ := watch(t, router)
	for _, command := range []string{
		"ip link set eth0 mtu 1400",
		"ip link set eth0 address 02:00:00:00:00:99",
		"ip link set eth0 name wan",
		"ip link add v0 type veth peer name v1",
		"ip link del v0",
		"ip addr add 192.0.2.1/24 dev wan",
		"ip addr del 192.0.2.1/24 dev wan",
		"ip -6 addr add 2001:db8::1/64 dev wan nodad",
		"ip route add local 198.51.100.0/24 dev lo",
		"ip route add 203.0.113.0/24 dev eth1 mtu 1300",
		"ip route add 203.0.113.128/25 dev eth1",
		"ip route del 203.0.113.0/24",
		"ip -6 route add 2001:db8:1::/48 dev eth1 mtu 1300",
		"ip rule add fwmark 1 table 5",
		"ip -6 rule add fwmark 1 table 5",
		"ip nexthop add id 1 dev eth1",
		"ip xfrm policy add dir fwd src 10.0.0.0/8 dst 10.0.0.0/8",
		"sysctl -w net.ipv4.conf.wan.forwarding=1",
		"sysctl -w net.ipv6.conf.all.forwarding=1",
		"sysctl -w net.ipv4.conf.all.rp_filter=1",
		"ethtool -K wan rxvlan on",
	} {
		settled(changes)
		run(t, router, command)
		if !told(changes, time.Second) {
			t.Errorf("not told of %s", command)
		}
	}
}

// What a driver can do with XDP changes without a message of rtnetlink.
func TestWatchRedirect(t *testing.T) {
	lab := newLab(t)
	router := lab.Host("router")
	r, changes, _ := watch(t, router)
	for _, gro := range []string{"on", "off"} {
		settled(changes)
		run(t, lab.Host("a"), "ethtool -K eth0 gro "+gro)
		if !told(changes, time.Second) {
			t.Errorf("not told of the peer's GRO going %s", gro)
		}
		if v := readAgain(t, router, r); v.ByName("eth0").RedirectNative != (gro == "on") {
			t.Errorf("with the peer's GRO %s: redirect native %v", gro, v.ByName("eth0").RedirectNative)
		}
	}
}

// A full table comes and goes without a sound, except where it matters.
func TestWatchPassesPlainRoutesOver(t *testing.T) {
	router := newLab(t).Host("router")
	r, changes, _ := watch(t, router)
	settled(changes)
	run(t, router, `
		ip route add 192.0.2.0/24 via 10.1.0.2
		ip route add 198.51.100.0/24 via 10.1.0.2 mtu lock 1300
		ip -6 route add 2001:db8::/32 dev eth1
		ip route add blackhole 203.0.113.0/24
		ip route del 192.0.2.0/24`)
	if told(changes, quiet) {
		t.Error("told of plain routes")
	}
	before := r.ip4
	readAgain(t, router, r)
	if r.ip4 != before {
		t.Error("routes were read again without a reason")
	}
	run(t, router, "ip route add 203.0.113.0/25 via 10.1.0.2 mtu 1300")
	if !told(changes, time.Second) {
		t.Fatal("not told of an exception")
	}
	if v := readAgain(t, router, r); len(v.Exceptions) != 1 {
		t.Errorf("exceptions are %v", v.Exceptions)
	}
	// Nor is one that another replaces.
	settled(changes)
	run(t, router, "ip route replace 203.0.113.0/25 via 10.1.0.2")
	if !told(changes, time.Second) {
		t.Fatal("not told of a route that replaced an exception")
	}
	if v := readAgain(t, router, r); len(v.Exceptions) != 0 {
		t.Errorf("exceptions are still %v", v.Exceptions)
	}
	run(t, router, "ip route replace 203.0.113.0/25 via 10.1.0.2 mtu 1300")
	settled(changes)
	readAgain(t, router, r)
	// An exception that goes with its device isn't told of as a route.
	run(t, router, "ip link set eth1 down")
	if !told(changes, time.Second) {
		t.Fatal("not told of a link that went down")
	}
	settled(changes)
	if v := readAgain(t, router, r); len(v.Exceptions) != 0 {
		t.Errorf("exceptions are still %v", v.Exceptions)
	}
}

func readAgain(t *testing.T, h *topo.Host, r *Reader) (v View) {
	t.Helper()
	err := h.Do(func() (err error) {
		v, err = r.Read(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWatchCoalesces(t *testing.T) {
	router := newLab(t).Host("router")
	_, changes, _ := watch(t, router)
	settled(changes)
	var batch strings.Builder
	for range 200 {
		batch.WriteString("addr add 192.0.2.1/24 dev eth0\naddr del 192.0.2.1/24 dev eth0\n")
	}
	started := time.Now()
	err := router.Do(func() error {
		return runBatch(batch.String())
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for told(changes, quiet) {
		n++
	}
	if most := int(time.Since(started)/settle) + 1; n == 0 || n > most {
		t.Errorf("told %d times of 400 changes, at most %d expected", n, most)
	}
}

func TestWatchEnds(t *testing.T) {
	router := newLab(t).Host("router")
	r, changes, stop := watch(t, router)
	stop()
	deadline := time.After(time.Second)
	for open := true; open; {
		select {
		case _, open = <-changes:
		case <-deadline:
			t.Fatal("the channel is still open")
		}
	}
	before := r.ip4
	readAgain(t, router, r)
	if r.ip4 == before {
		t.Error("without a watch, old routes were taken for new")
	}
}

// Messages that were lost may have been about anything.
func TestWatchResyncs(t *testing.T) {
	replies := []error{nil, unix.ENOBUFS, unix.EBADF}
	conn := nltest.Dial(func([]netlink.Message) ([]netlink.Message, error) {
		err := replies[0]
		replies = replies[1:]
		if err != nil {
			return nil, err
		}
		plain := routeRequest(unix.AF_INET, unix.RTN_UNICAST)
		return []netlink.Message{{Header: netlink.Header{Type: unix.RTM_NEWROUTE}, Data: plain}}, nil
	})
	defer conn.Close()
	r := &Reader{watched: 1, ip4: &routing{below: below(nil)}, ip6: &routing{below: below(nil)}}
	changed := make(chan struct{}, 1)
	var log strings.Builder
	r.follow(t.Context(), subscription{conn: conn}, changed, slog.New(slog.NewTextHandler(&log, nil)))
	if len(changed) != 1 || !r.stale {
		t.Errorf("told %d times, stale %v", len(changed), r.stale)
	}
	if got := log.String(); strings.Count(got, "level=INFO") != 1 || strings.Count(got, "level=ERROR") != 1 {
		t.Errorf("the log is:\n%s", got)
	}
}

// When messages about neighbours were lost, the routes are as they were.
func TestWatchResyncsNeighbours(t *testing.T) {
	replies := []error{unix.ENOBUFS, unix.EBADF}
	conn := nltest.Dial(func([]netlink.Message) ([]netlink.Message, error) {
		err := replies[0]
		replies = replies[1:]
		return nil, err
	})
	defer conn.Close()
	r := &Reader{watched: 1}
	changed := make(chan struct{}, 1)
	r.follow(t.Context(), subscription{conn, neighbourChanges}, changed, slog.New(slog.DiscardHandler))
	if len(changed) != 1 || r.stale {
		t.Errorf("told %d times, stale %v", len(changed), r.stale)
	}
}
