// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"os"

	"golang.org/x/sys/unix"
)

// hugePageSize is the usual size of huge pages. Where it is another, mapping
// them fails, and ordinary pages do.
const hugePageSize = 2 << 20

// mapUMEM maps memory for packets, on huge pages if they are wanted and there
// are enough. It is kept out of children: a fork would make pages of it
// copy-on-write, and the kernel would go on with those of the child.
func mapUMEM(size uintptr, wantHuge bool) (m mapping, huge bool, err error) {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_POPULATE
	if wantHuge {
		m, err = mapMemory(-1, 0, roundUp(size, hugePageSize), flags|unix.MAP_HUGETLB)
		huge = err == nil
	}
	if !huge {
		m, err = mapMemory(-1, 0, roundUp(size, uintptr(os.Getpagesize())), flags)
	}
	if err != nil {
		return m, false, err
	}
	if wantHuge && !huge {
		unix.Madvise(m.bytes(), unix.MADV_HUGEPAGE) // a wish, not a need
	}
	if err := unix.Madvise(m.bytes(), unix.MADV_DONTFORK); err != nil {
		unix.Munmap(m.bytes())
		return m, false, os.NewSyscallError("madvise MADV_DONTFORK", err)
	}
	return m, huge, nil
}

func roundUp(n, unit uintptr) uintptr { return (n + unit - 1) / unit * unit }
