// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
)

// addLink makes the lab's link number i, both ends at once in their places, so
// that it never shows up anywhere else.
func (l *Lab) addLink(i int, link Link) error {
	link.A.MAC = macOr(link.A.MAC, i, 0)
	link.B.MAC = macOr(link.B.MAC, i, 1)
	a, b := l.hosts[link.A.Host], l.hosts[link.B.Host]
	what := fmt.Sprintf("adding link %s – %s %s", link.A.Name, link.B.Host, link.B.Name)
	if a == nil || b == nil {
		return fmt.Errorf("%s: %s: no such host", link.A.Host, what)
	}
	err := a.kernel(what, func(nl *netlink.Handle) error {
		return nl.LinkAdd(kernelVeth(link, int(b.resident.ns.Fd())))
	})
	if err != nil {
		return err
	}
	if err := l.addEnd(a, link.A, link.B); err != nil {
		return err
	}
	return l.addEnd(b, link.B, link.A)
}

// RestoreLink makes the lab's link number i again, from 0, after one of its
// ends was deleted, and waits until it is up. Routes are not restored.
func (l *Lab) RestoreLink(ctx context.Context, i int) error {
	link := l.Links[i]
	if err := l.addLink(i, link); err != nil {
		return fmt.Errorf("restoring a link: %w", err)
	}
	for _, end := range []End{link.A, link.B} {
		if err := l.Host(end.Host).WaitUp(ctx, end.Name); err != nil {
			return fmt.Errorf("restoring a link: %w", err)
		}
	}
	return nil
}

// addEnd finishes one end of a link.
func (l *Lab) addEnd(h *Host, end, other End) error {
	if err := h.setFeatures(end.Name, end.NAPI == NAPIByGRO); err != nil {
		return err
	}
	if end.NAPI == NAPIByXDP {
		if err := h.attach(end.Name, passAll); err != nil {
			return err
		}
	}
	if err := h.SetUp(end.Name, true); err != nil {
		return err
	}
	for _, a := range end.Addresses {
		if err := h.AddAddress(end.Name, a); err != nil {
			return err
		}
	}
	if !l.StaticNeighbors {
		return nil
	}
	for _, a := range other.Addresses {
		n := Neighbor{Device: end.Name, Address: a.Addr(), MAC: other.MAC}
		if err := h.AddNeighbor(n); err != nil {
			return err
		}
	}
	return nil
}

func kernelVeth(link Link, peerNS int) *netlink.Veth {
	mtu, queues := cmp.Or(link.MTU, 1500), cmp.Or(link.Queues, 1)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = link.A.Name
	attrs.HardwareAddr = link.A.MAC
	attrs.MTU = mtu
	attrs.NumTxQueues, attrs.NumRxQueues = queues, queues
	veth := netlink.NewVeth(attrs)
	veth.PeerName = link.B.Name
	veth.PeerHardwareAddr = link.B.MAC
	veth.PeerNamespace = netlink.NsFd(peerNS)
	return veth
}

// macOr returns mac or, where it is nil, one derived from a link's number and
// end, locally administered.
func macOr(mac net.HardwareAddr, link, end int) net.HardwareAddr {
	if mac != nil {
		return mac
	}
	return net.HardwareAddr{0x02, 0xc1, 0xea, byte(link >> 8), byte(link), byte(end)}
}

// waitUp waits until both ends of all links report that they are running: the
// kernel says so a moment after they were taken up.
func (l *Lab) waitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, link := range l.Links {
		for _, end := range []End{link.A, link.B} {
			if err := l.hosts[end.Host].WaitUp(ctx, end.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// WaitUp waits until a device is up and running, or ctx ends.
func (h *Host) WaitUp(ctx context.Context, device string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		i, err := h.Interface(device)
		if err != nil || i.Up {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting for %s to come up: %w", h.name, device, ctx.Err())
		}
	}
}
