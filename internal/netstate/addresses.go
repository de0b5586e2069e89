// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// destinations reads the destinations of the routes of a type in all tables of
// the given families, in order and each once. The kernel filters, so that a
// full table doesn't pass through here.
func (r *rtnetlink) destinations(kind uint8, families ...uint8) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, family := range families {
		some, err := dump(r, unix.RTM_GETROUTE, routeRequest(family, kind), func(b []byte) (netip.Prefix, bool, error) {
			one, err := decodeRoute(b)
			return one.prefix, one.kind == kind, err
		})
		if err != nil {
			return nil, fmt.Errorf("reading own addresses: %w", err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, comparePrefixes)
	return slices.Compact(all), nil
}

// comparePrefixes orders prefixes by address and shorter ones first.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
