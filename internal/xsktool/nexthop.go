// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"clearway/dataplane"
	"clearway/internal/netstate"
)

// resolveTime is how long a neighbour has to answer.
const resolveTime = 2 * time.Second

// FindNextHop asks the kernel how it would send to an address by an interface,
// and has it resolve the next hop.
func FindNextHop(ctx context.Context, name string, to netip.Addr) (hop netstate.NextHop, err error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return hop, findError(name, err)
	}
	var r netstate.Reader
	for deadline := time.Now().Add(resolveTime); ; {
		hops, err := r.NextHops(ctx, []netip.Addr{to})
		if err != nil {
			return hop, err
		}
		hop = hops[to]
		switch {
		case hop.Local:
			return hop, fmt.Errorf("%v is an address of this machine: say with --dst-mac where to send", to)
		case hop.Unreachable:
			return hop, fmt.Errorf("there is no route to %v: add one, or say with --dst-mac where to send", to)
		case hop.Egress != device.Index:
			return hop, fmt.Errorf("the route to %v leaves by another interface than %s: see ip route get %v, or say with --dst-mac where to send", to, name, to)
		case hop.MAC != dataplane.MAC{}:
			return hop, nil
		case time.Now().After(deadline):
			return hop, fmt.Errorf("the next hop to %v, %v, does not answer: see ip neigh, or say with --dst-mac where to send", to, hop.Gateway)
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return hop, ctx.Err()
		}
	}
}
