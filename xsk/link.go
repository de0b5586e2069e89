// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"encoding/binary"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// link watches a device. A socket isn't told when its device goes down or away,
// so that a wait would last for ever; rtnetlink(7) tells.
type link struct {
	fd      int
	ifindex int
	state   atomic.Uint32 // linkUp, linkDown, linkGone
}

const (
	linkUp = iota
	linkDown
	linkGone
)

// watch starts to watch, in the network namespace of the calling thread.
func (l *link) watch(ifindex int) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	l.fd, l.ifindex = fd, ifindex
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	l.ask()
	l.read() // rtnetlink answers before it returns
	return nil
}

// err returns the state as an error.
func (l *link) err() error {
	switch l.state.Load() {
	case linkDown:
		return ErrLinkDown
	case linkGone:
		return ErrDeviceGone
	}
	return nil
}

// read takes in what has happened. Any goroutine may call it.
func (l *link) read() {
	var buf [8192]byte
	for {
		n, _, err := unix.Recvfrom(l.fd, buf[:], 0)
		switch err {
		case nil:
			l.parse(buf[:n])
		case unix.EINTR:
		case unix.ENOBUFS: // events were lost: ask for the state
			l.ask()
		default:
			return
		}
	}
}

// ask requests the state of the device, which comes as an event does.
func (l *link) ask() {
	b := make([]byte, unix.SizeofNlMsghdr+unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.RTM_GETLINK)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(b[unix.SizeofNlMsghdr+4:], uint32(l.ifindex))
	unix.Sendto(l.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// parse reads netlink messages: struct nlmsghdr, and struct ifinfomsg or
// struct nlmsgerr.
func (l *link) parse(b []byte) {
	const header = unix.SizeofNlMsghdr
	for len(b) >= header {
		size := int(binary.NativeEndian.Uint32(b))
		if size < header || size > len(b) {
			return
		}
		l.apply(binary.NativeEndian.Uint16(b[4:]), b[header:size])
		b = b[min((size+3)&^3, len(b)):]
	}
}

func (l *link) apply(kind uint16, body []byte) {
	switch {
	case kind == unix.NLMSG_ERROR && len(body) >= 4:
		if int32(binary.NativeEndian.Uint32(body)) == -int32(unix.ENODEV) {
			l.state.Store(linkGone)
		}
		return
	case len(body) < unix.SizeofIfInfomsg || int(int32(binary.NativeEndian.Uint32(body[4:]))) != l.ifindex:
		return
	}
	const running = unix.IFF_UP | unix.IFF_RUNNING
	family, flags := body[0], binary.NativeEndian.Uint32(body[8:])
	switch {
	case l.state.Load() == linkGone || family != unix.AF_UNSPEC: // a bridge's news are not of the device
	case kind == unix.RTM_DELLINK:
		l.state.Store(linkGone)
	case kind == unix.RTM_NEWLINK && flags&running == running:
		l.state.Store(linkUp)
	case kind == unix.RTM_NEWLINK:
		l.state.Store(linkDown)
	}
}

func (l *link) close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
	}
}
