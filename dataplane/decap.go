// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// AttachDecap makes a device of this network namespace receive what balancers
// send in tunnels: from now on it takes one outer header off packets in IP in IP
// (all four pairings of IPv4 and IPv6) and, unless gue is 0, in GUE variant 1 to
// that UDP port, and passes what they carry to Linux as if it had come so. Close
// ends it; nothing is pinned, so that it ends with the process, too.
//
// It is for backends without tunnel devices. They need the service address on
// lo, and on IPv4 no strict rp_filter against the clients' addresses.
//
// Frames may be untagged or have one 802.1Q tag. Only an outer destination that
// is an address of this host when AttachDecap is called counts: tunnels that a
// router or bridge hands on stay whole. Attach anew when the addresses change.
// Passed untouched are fragments, outer IPv4 options and IPv6 extension headers.
// An outer congestion mark goes on to the packet carried (RFC 6040). Outer
// sources are not checked: like every tunnel end without keys it takes packets
// with any inner source from whoever can reach it, so keep the tunnel protocols
// out at the edge of the network.
//
// The driver runs the program where it can, else the kernel's generic layer. A
// device that has another's XDP program is refused with an [AttachError].
func AttachDecap(ifindex int, gue uint16) (io.Closer, error) {
	dev, err := net.InterfaceByIndex(ifindex)
	if err != nil {
		return nil, fmt.Errorf("attaching a receiver to device %d: %w", ifindex, err)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing this host's addresses: %w", err)
	}
	coll, err := loadDecapWith(gue, addresses)
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	l, _, err := attachXDP(Port{Name: dev.Name, Ifindex: ifindex}, coll.Programs["decap"])
	if isForeign(err) {
		err = nameForeign(err, ifindex)
	}
	return l, err
}

// loadDecapWith loads the program for a GUE port and the addresses to receive at.
func loadDecapWith(gue uint16, addresses []net.Addr) (_ *ebpf.Collection, err error) {
	spec, err := loadDecap()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded object: %w", err)
	}
	if err := spec.Variables["gue_port"].Set(uint32(gue)); err != nil {
		return nil, fmt.Errorf("setting constant gue_port: %w", err)
	}
	if probeKernel().frags {
		spec.Programs["decap"].Flags |= unix.BPF_F_XDP_HAS_FRAGS
	}
	locals := spec.Maps["locals"]
	locals.MaxEntries = uint32(len(addresses) + 1)
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			locals.Contents = append(locals.Contents, ebpf.MapKV{Key: p.Addr().As16(), Value: uint32(1)})
		}
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, advise("loading the receiver", err)
	}
	return coll, nil
}
