// SPDX-License-Identifier: Apache-2.0

package health

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// costTLS is the cost of a probe with a handshake, whose cryptography takes the
// processor about that many times as long as all else. More of them at once
// would fail by our own slowness.
const costTLS = 8

// cost is how much of the limit a probe takes.
func cost(c Check) int {
	if c.Type == "https" {
		return costTLS
	}
	return 1
}

// probesAtOnce limits the costs of the probes under way: so that what a burst of
// them takes of the processors stays far below a timeout, and half of the
// file descriptors that the process may open are left for others.
func probesAtOnce() int {
	const eachCPU = 2048
	limit := eachCPU * runtime.GOMAXPROCS(0)
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		limit = int(min(uint64(limit), files.Cur/2))
	}
	return max(limit, costTLS)
}
