// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// netlinkAttachment is a program set with RTM_SETLINK, see rtnetlink(7): for
// kernels without links, and those who want it.
type netlinkAttachment struct {
	ifindex int
	mode    uint32
	program *ebpf.Program
}

// set attaches the program where there is none.
func (a *netlinkAttachment) set() error {
	return setXDP(a.ifindex,
		attribute(unix.IFLA_XDP_FD, word(uint32(a.program.FD()))),
		attribute(unix.IFLA_XDP_FLAGS, word(a.mode|unix.XDP_FLAGS_UPDATE_IF_NOEXIST)))
}

// Close detaches the program, unless another has taken its place.
func (a *netlinkAttachment) Close() error {
	info, err := a.program.Info()
	if err != nil {
		return err
	}
	own, _ := info.ID()
	id, err := attached(a.ifindex)
	switch {
	case errors.Is(err, unix.ENODEV) || err == nil && id != uint32(own):
		return nil
	case err != nil:
		return err
	}
	err = setXDP(a.ifindex,
		attribute(unix.IFLA_XDP_FD, word(^uint32(0))), // −1: detach
		attribute(unix.IFLA_XDP_FLAGS, word(a.mode)))
	if err != nil {
		return fmt.Errorf("detaching by netlink: %w", err)
	}
	return nil
}

// setXDP changes the IFLA_XDP of a device.
func setXDP(ifindex int, attributes ...[]byte) error {
	nested := attribute(unix.IFLA_XDP|unix.NLA_F_NESTED, attributes...)
	_, err := request(unix.RTM_SETLINK, unix.NLM_F_ACK, ifindex, nested)
	return err
}

// attached returns the ID of the XDP program of a device, 0 for none.
func attached(ifindex int) (id uint32, err error) {
	reply, err := request(unix.RTM_GETLINK, 0, ifindex, nil)
	if err != nil {
		return 0, fmt.Errorf("looking for an XDP program: %w", err)
	}
	if len(reply) < unix.SizeofIfInfomsg {
		return 0, nil
	}
	xdp := find(reply[unix.SizeofIfInfomsg:], unix.IFLA_XDP)
	for _, kind := range []uint16{unix.IFLA_XDP_PROG_ID, unix.IFLA_XDP_DRV_PROG_ID, unix.IFLA_XDP_SKB_PROG_ID, unix.IFLA_XDP_HW_PROG_ID} {
		if b := find(xdp, kind); len(b) >= 4 && binary.NativeEndian.Uint32(b) != 0 {
			return binary.NativeEndian.Uint32(b), nil
		}
	}
	return 0, nil
}

// request asks the kernel about one device and returns the body of its answer.
// Errors carry what the kernel says beside the number.
func request(kind, flags uint16, ifindex int, attributes []byte) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1) // only better messages
	unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(ifindex))
	if err := unix.Sendto(fd, message(kind, flags, append(body, attributes...)), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}
	buf := make([]byte, 1<<16)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return nil, os.NewSyscallError("recvfrom", err)
	}
	messages, err := syscall.ParseNetlinkMessage(buf[:n])
	if err != nil || len(messages) == 0 {
		return nil, fmt.Errorf("a malformed answer of rtnetlink: %w", err)
	}
	if messages[0].Header.Type == unix.NLMSG_ERROR {
		return nil, answer(messages[0].Header.Flags, messages[0].Data)
	}
	return messages[0].Data, nil
}

func message(kind, flags uint16, body []byte) []byte {
	b := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body))
	binary.NativeEndian.PutUint32(b[0:], uint32(cap(b)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|flags)
	return append(b, body...)
}
