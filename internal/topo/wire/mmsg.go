// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch holds messages for sendmmsg and recvmmsg. All unsafe code of the
// package is in this file. Not safe for concurrent use.
type batch struct {
	buffers  [][]byte
	controls [][]byte
	vectors  []unix.Iovec
	headers  []unix.Mmsghdr
}

// newBatch makes room for n messages. With size 0 they are set by point.
func newBatch(n, size, control int) *batch {
	b := &batch{
		buffers: make([][]byte, n), controls: make([][]byte, n),
		vectors: make([]unix.Iovec, n), headers: make([]unix.Mmsghdr, n),
	}
	for i := range n {
		b.headers[i].Hdr.Iov = &b.vectors[i]
		b.headers[i].Hdr.SetIovlen(1)
		if size > 0 {
			b.point(i, make([]byte, size))
		}
		if control > 0 {
			b.controls[i] = make([]byte, control)
			b.headers[i].Hdr.Control = &b.controls[i][0]
		}
	}
	return b
}

// point makes message i use buf, which must not be empty.
func (b *batch) point(i int, buf []byte) {
	b.buffers[i] = buf
	b.vectors[i].Base = &buf[0]
	b.vectors[i].SetLen(len(buf))
}

// message returns what was received as message i. It is valid until the next
// receive.
func (b *batch) message(i int) []byte {
	return b.buffers[i][:min(int(b.headers[i].Len), len(b.buffers[i]))]
}

// control returns the control messages of message i.
func (b *batch) control(i int) []byte {
	return b.controls[i][:b.headers[i].Hdr.Controllen]
}

// truncated tells whether message i was longer than its buffer.
func (b *batch) truncated(i int) bool {
	return b.headers[i].Hdr.Flags&unix.MSG_TRUNC != 0
}

// receive waits for messages and returns how many came.
func (b *batch) receive(s *socket) (n int, err error) {
	b.reset()
	waitErr := s.raw.Read(func(fd uintptr) bool {
		n, err = mmsg(unix.SYS_RECVMMSG, fd, b.headers, unix.MSG_DONTWAIT)
		return err != unix.EAGAIN
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return n, os.NewSyscallError("recvmmsg", err)
}

// poll receives the messages that are there and returns how many.
func (b *batch) poll(s *socket) (n int, err error) {
	b.reset()
	ctlErr := s.raw.Control(func(fd uintptr) {
		n, err = mmsg(unix.SYS_RECVMMSG, fd, b.headers, unix.MSG_DONTWAIT)
	})
	if ctlErr != nil {
		return 0, ctlErr
	}
	if err == unix.EAGAIN {
		return 0, nil
	}
	return n, os.NewSyscallError("recvmmsg", err)
}

// reset gives the kernel back the room for control messages: it writes there
// how much it used.
func (b *batch) reset() {
	for i := range b.headers {
		b.headers[i].Hdr.SetControllen(len(b.controls[i]))
	}
}

// send sends the first n messages, all of them or an error.
func (b *batch) send(s *socket, n int) error {
	for done := 0; done < n; {
		var sent int
		var err error
		waitErr := s.raw.Write(func(fd uintptr) bool {
			sent, err = mmsg(unix.SYS_SENDMMSG, fd, b.headers[done:n], 0)
			return err != unix.EAGAIN
		})
		if waitErr != nil {
			return waitErr
		}
		if err != nil {
			return os.NewSyscallError("sendmmsg", err)
		}
		done += sent
	}
	return nil
}

func mmsg(call, fd uintptr, headers []unix.Mmsghdr, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.Syscall6(call, fd, uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// auxdata reads the structure that the kernel put into a control message.
func auxdata(data []byte) (a unix.TpacketAuxdata, ok bool) {
	if len(data) < int(unsafe.Sizeof(a)) {
		return a, false
	}
	return *(*unix.TpacketAuxdata)(unsafe.Pointer(&data[0])), true
}

// memInfo returns SO_MEMINFO: SK_MEMINFO_VARS numbers of linux/sock_diag.h.
func memInfo(fd int) (info [9]uint32, err error) {
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return info, os.NewSyscallError("getsockopt SO_MEMINFO", errno)
	}
	return info, nil
}

// socket is a socket in a host's namespace. If it was made non-blocking, Go's
// poller watches it, so that a deadline ends what waits on it.
type socket struct {
	*os.File
	raw syscall.RawConn
}
