// SPDX-License-Identifier: Apache-2.0

package topotest

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// passProgram loads the smallest XDP program and returns its file descriptor.
func passProgram() (int, error) {
	insns := []uint64{0x0000_0002_0000_00b7, 0x95} // r0 = XDP_PASS; exit
	license := []byte("Dual BSD/GPL\x00")
	attr := struct {
		kind, count    uint32
		insns, license unsafe.Pointer
		_              [12]uint32
	}{unix.BPF_PROG_TYPE_XDP, 2, unsafe.Pointer(&insns[0]), unsafe.Pointer(&license[0]), [12]uint32{}}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
