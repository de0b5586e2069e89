// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// locals reads the destinations of RTN_LOCAL routes in all tables. The kernel
// filters, so that a full table doesn't pass through here.
func (r *rtnetlink) locals() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		some, err := dump(r, unix.RTM_GETROUTE, routeRequest(family, unix.RTN_LOCAL), decodeLocal)
		if err != nil {
			return nil, fmt.Errorf("reading local addresses: %w", err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, comparePrefixes)
	return slices.Compact(all), nil
}

func decodeLocal(b []byte) (netip.Prefix, bool, error) {
	route, err := decodeRoute(b)
	return route.prefix, route.kind == unix.RTN_LOCAL, err
}

// comparePrefixes orders prefixes by address and shorter ones first.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
