// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"net/netip"

	"github.com/cilium/ebpf"

	"clearway/dataplane"
)

// family is what the balance lane is measured with twice.
type family struct {
	name string
	ipv6 bool
}

var families = []family{{"IPv4", false}, {"IPv6", true}}

// to is traffic to a service, by what there is to say of its flows; a prefix of
// names as those of the forward lane.
func (f family) to(flows string) string { return f.name + " to a service, " + flows + ":" }

// past is traffic to none.
func (f family) past(what string) string { return f.name + " to " + what + ":" }

// roundTrip is the traffic of M2.
func (f family) roundTrip() string { return f.name + " to a service and back, 1,024 flows:" }

// program chooses the one of the family.
func (f family) program(of4, of6 *ebpf.Program) *ebpf.Program {
	if f.ipv6 {
		return of6
	}
	return of4
}

// service is where the service with that tracking is.
func (f family) service(tracking dataplane.Tracking) netip.AddrPort {
	return netip.AddrPortFrom(serviceOf(f.ipv6, tracking), servicePort)
}

// nobody is an address that no service has.
func (f family) nobody() netip.Addr {
	if f.ipv6 {
		return nobody6
	}
	return nobody4
}
