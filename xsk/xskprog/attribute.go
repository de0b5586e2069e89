// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// attribute returns a netlink attribute, struct nlattr, with its padding.
func attribute(kind uint16, values ...[]byte) []byte {
	b := make([]byte, unix.SizeofNlAttr)
	for _, v := range values {
		b = append(b, v...)
	}
	binary.NativeEndian.PutUint16(b[0:], uint16(len(b)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	return append(b, make([]byte, -len(b)&3)...)
}

// word returns a value of 32 bits.
func word(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// find returns the value of the first attribute of a kind, or nil.
func find(b []byte, kind uint16) []byte {
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return nil
		}
		const flags = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
		if binary.NativeEndian.Uint16(b[2:])&^flags == kind {
			return b[unix.SizeofNlAttr:size]
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// answer reads a struct nlmsgerr: nil for errno 0. With NETLINK_EXT_ACK it goes
// on with attributes, among them what is wrong in words.
func answer(flags uint16, b []byte) error {
	if len(b) < 4 {
		return fmt.Errorf("a short answer of rtnetlink")
	}
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(b)))
	if errno == 0 {
		return nil
	}
	skip := 4 + unix.SizeofNlMsghdr // and the header of the request; with CAP_ACK no more
	if flags&unix.NLM_F_ACK_TLVS != 0 && len(b) >= skip {
		if text := find(b[skip:], unix.NLMSGERR_ATTR_MSG); len(text) > 0 {
			return fmt.Errorf("%w: %s", errno, unix.ByteSliceToString(text))
		}
	}
	return errno
}
