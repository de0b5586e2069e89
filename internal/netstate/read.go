// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"
)

// readView reads all but the exceptions, and the MTUs of devices by ifindex.
func readView(ctx context.Context, socket *rtnetlink) (v View, mtu map[int]int, err error) {
	devices, err := socket.readDevices(ctx, &v)
	if err != nil {
		return v, nil, err
	}
	for _, d := range devices {
		v.Links = append(v.Links, d.Link)
	}
	slices.SortFunc(v.Links, func(a, b Link) int { return a.Index - b.Index })
	if v.Local, err = socket.destinations(unix.RTN_LOCAL, unix.AF_INET, unix.AF_INET6); err != nil {
		return v, nil, err
	}
	if v.Broadcast, err = socket.destinations(unix.RTN_BROADCAST, unix.AF_INET); err != nil {
		return v, nil, err
	}
	rules4, err := socket.rules(unix.AF_INET)
	if err != nil {
		return v, nil, err
	}
	rules6, err := socket.rules(unix.AF_INET6)
	if err != nil {
		return v, nil, err
	}
	v.Rules4 = slices.ContainsFunc(rules4, rule.beyond)
	v.Rules6 = slices.ContainsFunc(rules6, rule.beyond)
	v.IifRules4 = slices.ContainsFunc(rules4, func(r rule) bool { return r.iif })
	v.XFRM4, v.XFRM6, err = policies(ctx)
	return v, mtuOf(devices), err
}

// readDevices reads the links and all that belongs to them, and all.forwarding.
func (r *rtnetlink) readDevices(ctx context.Context, v *View) ([]device, error) {
	devices, err := r.devices()
	if err != nil {
		return nil, err
	}
	if err := readFeatures(devices, 0); err != nil {
		return nil, err
	}
	if err := readDrivers(devices); err != nil {
		return nil, err
	}
	conf4, err := r.netconfs(unix.AF_INET)
	if err != nil {
		return nil, err
	}
	conf6, err := r.netconfs(unix.AF_INET6)
	if err != nil {
		return nil, err
	}
	v.Forwarding6 = conf6[netconfAll].forwarding
	relate(devices)
	r.findPeers(ctx, devices)
	setForwarding(devices, conf4, conf6)
	setOffloads(devices)
	v.RedirectGuessed, err = setRedirect(devices)
	return devices, err
}
