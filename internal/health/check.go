// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"time"
)

// Key names a backend of a service.
type Key struct {
	Service string // name
	Address netip.Addr
}

// Status is what the results so far say of a backend.
type Status uint8

const (
	Unknown Status = iota // there is no result yet
	Up
	Down // no new flows, but those that it has may go on
	Gone // down for longer than the grace
)

func (s Status) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	case Gone:
		return "gone"
	}
	return "unknown"
}

// View is the status of every backend that is checked. It is never changed.
type View map[Key]Status

// Check says how a backend is checked. Checks that are equal are the same one.
type Check struct {
	Key    Key
	Type   string         // tcp, http or https
	Target netip.AddrPort // where the probe connects to
	Mark   uint32         // SO_MARK of its socket, which needs CAP_NET_ADMIN; 0 is none

	Path string // of the request, as it is sent: begins with a slash, percent-encoded
	Host string // name or address for the Host field and TLS (SNI), without a port; empty: the address of Target

	Interval time.Duration // from the start of a probe to the next, ±10 %
	Timeout  time.Duration // of a whole probe; no longer than Interval
	Grace    time.Duration // from Down to Gone; 0: at once
	Rise     int           // successes in a row that a backend needs to come up
	Fall     int           // failures in a row that take it down
}

// Result is what is known of a backend.
type Result struct {
	Status  Status
	Since   time.Time     // when it got that status, or was first set
	Error   string        // why the last probe failed, in plain words; empty if it didn't
	Took    time.Duration // by the last probe; 0 before the first
	Missing int           // successes in a row that it still needs to come up; 0 if it is up
}
