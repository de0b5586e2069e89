// SPDX-License-Identifier: Apache-2.0

package xskprog

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Load loads a program as Attach does, but any.
func Load(insns asm.Instructions) error {
	p, err := loadProgram(insns, false)
	if err != nil {
		return err
	}
	return p.Close()
}

// Wipe takes whatever program is in a device's driver away, as another tool may.
func Wipe(ifindex int) error {
	return setXDP(ifindex,
		attribute(unix.IFLA_XDP_FD, word(^uint32(0))),
		attribute(unix.IFLA_XDP_FLAGS, word(unix.XDP_FLAGS_DRV_MODE)))
}
