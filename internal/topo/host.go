// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
)

// ErrClosed is returned by methods of a host whose lab was closed.
var ErrClosed = errors.New("the lab is closed")

// Host is a live network namespace. Its methods are safe for concurrent use.
type Host struct {
	name string
	nl   *netlink.Handle // its socket is inside

	mu       sync.RWMutex // held for reading while something enters the namespace
	resident *resident    // nil when closed
}

func newHost(name string) (*Host, error) {
	r, err := newResident()
	if err != nil {
		return nil, fmt.Errorf("making a network namespace (are you root?): %w", err)
	}
	h := &Host{name: name, resident: r}
	err = r.run(func() (err error) {
		h.nl, err = netlink.NewHandle(syscall.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return h, nil
}

// Name returns the host's name in the blueprint.
func (h *Host) Name() string { return h.name }

// Go starts fn on a thread of its own inside the host and returns a function
// that waits for its end and returns its error.
//
// Sockets stay in the namespace they were made in, so only their making needs
// Go or Do. Goroutines that fn starts are not inside; /proc/net and /proc/self
// are not either, /proc/sys/net and /proc/thread-self/net are.
func (h *Host) Go(fn func() error) (wait func() error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.resident == nil {
		return func() error { return ErrClosed }
	}
	result, err := h.resident.visit(fn)
	if err != nil {
		return func() error { return err }
	}
	return sync.OnceValue(func() error { return <-result })
}

// Do runs fn on a thread of its own inside the host, as [Host.Go] does, and
// returns its error. In tests, fn must not call FailNow or its like.
func (h *Host) Do(fn func() error) error { return h.Go(fn)() }

// Start starts a program inside the host. Unless cmd says otherwise it is
// killed when the lab closes or this process ends. The caller must call
// cmd.Wait.
func (h *Host) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		// The signal comes when the thread that started the program ends:
		// that is why the host has one that stays.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.resident == nil {
		return ErrClosed
	}
	return h.resident.run(cmd.Start)
}

// Command runs a program inside the host and returns what it wrote to its
// standard output and error. The error names the command and shows its output.
func (h *Host) Command(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return out.Bytes(), fmt.Errorf("%s: %s %s: %w: %s", h.name, name, strings.Join(args, " "), err, bytes.TrimSpace(out.Bytes()))
	}
	return out.Bytes(), nil
}

// Dial connects from the host, as [net.Dialer.DialContext] does. The address
// must be numeric: a resolver would leave the namespace.
func (h *Host) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("dialling from %s: %w", h.name, err)
	}
	err = h.Do(func() (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens for connections to the host.
func (h *Host) Listen(ctx context.Context, network string, at netip.AddrPort) (l net.Listener, err error) {
	err = h.Do(func() (err error) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		l, err = lc.Listen(ctx, network, at.String())
		return err
	})
	return l, err
}

// ListenPacket listens for packets to the host.
func (h *Host) ListenPacket(ctx context.Context, network string, at netip.AddrPort) (c net.PacketConn, err error) {
	err = h.Do(func() (err error) {
		var lc net.ListenConfig
		c, err = lc.ListenPacket(ctx, network, at.String())
		return err
	})
	return c, err
}

func (h *Host) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.resident == nil {
		return nil
	}
	r := h.resident
	h.resident = nil
	h.nl.Close()
	return r.close()
}
