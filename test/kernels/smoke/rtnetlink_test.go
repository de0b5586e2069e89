// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package smoke

import (
	"encoding/binary"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The few rtnetlink messages that these tests need, by hand: a test of what
// the guest's kernel can do should not depend on how a library asks it.

// addLink makes a link, returns its index and removes it after the test. data
// is the kind's own attributes, on the index of the link below, 0 for none.
func addLink(t *testing.T, kind, name string, data []byte, on int) int {
	t.Helper()
	info := append(attr(unix.IFLA_INFO_KIND, []byte(kind)), attr(unix.IFLA_INFO_DATA, data)...)
	body := append(linkMessage(0, 0), attr(unix.IFLA_IFNAME, append([]byte(name), 0))...)
	body = append(body, attr(unix.IFLA_LINKINFO, info)...)
	if on != 0 {
		body = append(body, attr(unix.IFLA_LINK, u32(uint32(on)))...)
	}
	request(t, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
	index := mustLink(t, name).Index
	t.Cleanup(func() { request(t, unix.RTM_DELLINK, 0, linkMessage(index, 0)) })
	return index
}

// peerOf is the other end of a veth.
func peerOf(t *testing.T, index int) *net.Interface {
	t.Helper()
	link, err := net.InterfaceByIndex(index)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/sys/class/net/" + link.Name + "/iflink")
	if err != nil {
		t.Fatal(err)
	}
	peer, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if link, err = net.InterfaceByIndex(peer); err != nil {
		t.Fatal(err)
	}
	return link
}

// linkMessage is struct ifinfomsg; flags are set, none is cleared.
func linkMessage(index int, flags uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], flags) // the mask of what changes
	return b
}

// attr is one netlink attribute with its padding.
func attr(kind uint16, data []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, data...)
	return append(b, make([]byte, -len(data)&3)...)
}

func u16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// request sends one message to the kernel and fails unless it is acknowledged.
func request(t *testing.T, kind, flags uint16, body []byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	message := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = binary.NativeEndian.AppendUint16(message, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	message = append(message, make([]byte, 8)...) // sequence number and sender
	message = append(message, body...)
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 8192)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		t.Fatalf("the kernel answered % x", answer[:n])
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		t.Fatalf("rtnetlink message %d: %v", kind, unix.Errno(-code))
	}
}
