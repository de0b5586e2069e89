// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"
	"net/netip"

	"clearway/dataplane"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	sizeofNdMsg = 12 // struct ndmsg

	// nudValid are the states in which the kernel sends to a neighbour: NUD_VALID
	// in include/net/neighbour.h. FAILED and INCOMPLETE may hold an old address.
	nudValid = unix.NUD_PERMANENT | unix.NUD_NOARP | unix.NUD_REACHABLE | unix.NUD_PROBE | unix.NUD_STALE | unix.NUD_DELAY
)

// neighbour names an entry of the neighbour tables.
type neighbour struct {
	index   int // ifindex
	address netip.Addr
}

// neighbourEntry is a neighbour and what the kernel knows of it.
type neighbourEntry struct {
	neighbour
	state uint16        // NUD_…
	mac   dataplane.MAC // zero unless the kernel sends to it
}

// decodeNeighbour decodes an RTM_NEWNEIGH or RTM_DELNEIGH message, struct ndmsg
// and attributes, and wants IP neighbours that are not proxied.
func decodeNeighbour(b []byte) (neighbourEntry, bool, error) {
	var n neighbourEntry
	if len(b) < sizeofNdMsg {
		return n, false, errors.New("neighbour message is too short")
	}
	n.index = int(nativeUint32(b[4:]))
	n.state = nativeUint16(b[8:])
	if family := b[0]; family != unix.AF_INET && family != unix.AF_INET6 || b[10]&unix.NTF_PROXY != 0 {
		return n, false, nil
	}
	attrs, err := netlink.NewAttributeDecoder(b[sizeofNdMsg:])
	if err != nil {
		return n, false, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.NDA_DST:
			n.address, _ = netip.AddrFromSlice(attrs.Bytes())
		case unix.NDA_LLADDR:
			if mac := attrs.Bytes(); len(mac) == len(n.mac) && n.state&nudValid != 0 {
				n.mac = dataplane.MAC(mac)
			}
		}
	}
	return n, n.address.IsValid(), attrs.Err()
}

// neighbours reads those that are wanted.
func (r *rtnetlink) neighbours(wanted func(neighbourEntry) bool) ([]neighbourEntry, error) {
	all, err := dump(r, unix.RTM_GETNEIGH, make([]byte, sizeofNdMsg), func(b []byte) (neighbourEntry, bool, error) {
		n, ok, err := decodeNeighbour(b)
		return n, ok && wanted(n), err
	})
	if err != nil {
		return nil, fmt.Errorf("reading neighbours: %w", err)
	}
	return all, nil
}

// use has the kernel treat a neighbour as if something had been sent to it: it
// checks a stale one, and resolves one that it doesn't know. One that has gone
// meanwhile stays gone unless create is set.
func (r *rtnetlink) use(n neighbour, create bool) error {
	attrs := netlink.NewAttributeEncoder()
	attrs.Bytes(unix.NDA_DST, n.address.AsSlice())
	data, err := attrs.Encode()
	if err != nil {
		return err
	}
	body := make([]byte, sizeofNdMsg)
	body[0] = familyOf(n.address)
	nativePutUint32(body[4:], uint32(n.index))
	body[10] = unix.NTF_USE
	flags := netlink.Request | netlink.Acknowledge
	if create {
		flags |= netlink.Create
	}
	_, err = r.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_NEWNEIGH, Flags: flags},
		Data:   append(body, data...),
	})
	switch {
	case err == nil, errors.Is(err, unix.ENOENT):
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EINVAL):
		// The device has gone, is down, or just lost its last address.
	case errors.Is(err, unix.ENOBUFS):
		return fmt.Errorf("asking for neighbour %v: the kernel's table is full; raise net.%s.neigh.default.gc_thresh3: %w",
			n.address, familyNames[body[0]], err)
	default:
		return fmt.Errorf("asking for neighbour %v: %w", n.address, err)
	}
	return nil
}

// familyNames are those of the directories below net in sysctl.
var familyNames = map[uint8]string{unix.AF_INET: "ipv4", unix.AF_INET6: "ipv6"}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
