// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// isForeign tells whether another's program is in the way of one to attach.
func isForeign(err error) bool {
	var attach *AttachError
	return errors.As(err, &attach) && attach.Foreign
}

// nameForeign adds to an error of attaching which program is on the device.
func nameForeign(err error, ifindex int) error {
	if id := attachedProgram(ifindex); id != 0 {
		return fmt.Errorf("%w: it is %s", err, DescribeProgram(id))
	}
	return err
}

// attachedProgram asks the kernel for the id of the XDP program of a device; 0
// where it does not say.
func attachedProgram(ifindex int) uint32 {
	dump, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return 0
	}
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		// struct ifinfomsg has the index at its fourth byte.
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg ||
			int(binary.NativeEndian.Uint32(m.Data[4:])) != ifindex {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return 0
		}
		for _, a := range attributes {
			if a.Attr.Type&^unix.NLA_F_NESTED == unix.IFLA_XDP {
				return programOf(a.Value)
			}
		}
	}
	return 0
}

// programOf finds IFLA_XDP_PROG_ID among nested attributes.
func programOf(nested []byte) uint32 {
	const header = unix.SizeofRtAttr
	for len(nested) >= header {
		length := int(binary.NativeEndian.Uint16(nested))
		kind := binary.NativeEndian.Uint16(nested[2:])
		if length < header || length > len(nested) {
			return 0
		}
		if kind == unix.IFLA_XDP_PROG_ID && length >= header+4 {
			return binary.NativeEndian.Uint32(nested[header:])
		}
		nested = nested[min(len(nested), (length+3)&^3):]
	}
	return 0
}
