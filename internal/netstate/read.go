// SPDX-License-Identifier: Apache-2.0

package netstate

import "context"

// Read reads the whole state of the calling thread's network namespace. It
// needs CAP_NET_ADMIN for the policies.
func Read(ctx context.Context) (View, error) {
	route, err := dialRoute(ctx)
	if err != nil {
		return View{}, err
	}
	defer route.close()

	devices, err := route.devices()
	if err != nil {
		return View{}, err
	}
	relate(devices)
	var v View
	for _, d := range devices {
		v.Links = append(v.Links, d.Link)
	}
	return v, nil
}
