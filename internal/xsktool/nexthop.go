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

// Way is how Linux itself would send to an address.
type Way struct {
	Source netip.Addr
	MAC    net.HardwareAddr // of the next hop
}

// resolveTime is how long a neighbour has to answer.
const resolveTime = 2 * time.Second

// FindWay asks the kernel for the way to an address by an interface, and has it
// resolve the next hop.
func FindWay(ctx context.Context, name string, to netip.Addr) (Way, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return Way{}, findError(name, err)
	}
	var r netstate.Reader
	for deadline := time.Now().Add(resolveTime); ; {
		hops, err := r.NextHops(ctx, []netip.Addr{to})
		if err != nil {
			return Way{}, err
		}
		hop := hops[to]
		switch {
		case hop.Local:
			return Way{}, fmt.Errorf("%v is an address of this machine: say with --dst-mac where to send", to)
		case hop.Unreachable:
			return Way{}, fmt.Errorf("there is no route to %v: add one, or say with --dst-mac where to send", to)
		case hop.Egress != device.Index:
			return Way{}, fmt.Errorf("the route to %v leaves by another interface than %s: see ip route get %v, or say with --dst-mac where to send", to, name, to)
		case hop.MAC != dataplane.MAC{}:
			return Way{hop.Source, hop.MAC[:]}, nil
		case time.Now().After(deadline):
			return Way{}, fmt.Errorf("the next hop to %v, %v, does not answer: see ip neigh, or say with --dst-mac where to send", to, hop.Gateway)
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return Way{}, ctx.Err()
		}
	}
}
