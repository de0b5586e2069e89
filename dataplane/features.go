// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"
)

// kernel is what the running kernel can do beyond the least that is needed.
type kernel struct {
	frags     bool // multi-buffer XDP, 5.18
	skipNeigh bool // BPF_FIB_LOOKUP_SKIP_NEIGH, 6.3
	sockets   bool // AF_XDP, CONFIG_XDP_SOCKETS
}

// probeKernel asks the kernel once.
var probeKernel = sync.OnceValue(func() kernel {
	return kernel{frags: haveFrags(), skipNeigh: atLeast(6, 3), sockets: features.HaveMapType(ebpf.XSKMap) == nil}
})

func haveFrags() bool {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.XDP,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
		License:      "GPL",
		Flags:        unix.BPF_F_XDP_HAS_FRAGS,
	})
	if err != nil {
		return false
	}
	prog.Close()
	return true
}

func atLeast(major, minor uint32) bool {
	version, err := features.LinuxVersionCode()
	return err == nil && version >= major<<16|minor<<8
}
