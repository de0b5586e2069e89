// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Lookup is a question for the kernel's routing: where would this packet go?
type Lookup struct {
	Source, Destination netip.Addr // of one family; the source may be zero
	Ingress             int        // L3 ifindex that it arrives by; 0 for a packet of our own
	TOS                 uint8      // IPv4 only
	Protocol            uint8      // 0 = none
	SourcePort          uint16     // 0 = none
	DestinationPort     uint16
}

// Find asks the kernel and returns its answer in the words of `ip route`. For
// a packet that arrives by an interface the kernel does all the checks of a
// packet on the wire; one that it wouldn't take or forward is an answer too,
// no error.
func Find(ctx context.Context, l Lookup) (string, error) {
	socket, err := dialRoute(ctx)
	if err != nil {
		return "", err
	}
	defer socket.close()
	body, err := l.encode()
	if err != nil {
		return "", err
	}
	replies, err := socket.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.Request},
		Data:   body,
	})
	if refusal := refusalText(err); refusal != "" {
		return refusal, nil
	}
	if err != nil {
		return "", fmt.Errorf("asking for the route to %v: %w", l.Destination, err)
	}
	if len(replies) != 1 {
		return "", fmt.Errorf("asking for the route to %v: %d answers", l.Destination, len(replies))
	}
	found, err := decodeRoute(replies[0].Data)
	if err != nil {
		return "", fmt.Errorf("asking for the route to %v: %w", l.Destination, err)
	}
	devices, err := socket.devices()
	if err != nil {
		return "", err
	}
	return newRoute(found, namesOf(devices)).String(), nil
}

func (l Lookup) encode() ([]byte, error) {
	body := make([]byte, sizeofRtmsg)
	bits := uint8(l.Destination.BitLen())
	body[0], body[1] = unix.AF_INET, bits
	if l.Destination.Is6() {
		body[0] = unix.AF_INET6
	} else {
		body[3] = l.TOS
		nativePutUint32(body[8:], unix.RTM_F_LOOKUP_TABLE) // IPv4 would say main for all
	}
	attrs := netlink.NewAttributeEncoder()
	attrs.Bytes(unix.RTA_DST, l.Destination.AsSlice())
	if l.Source.IsValid() && !l.Source.IsUnspecified() {
		body[2] = bits
		attrs.Bytes(unix.RTA_SRC, l.Source.AsSlice())
	}
	if l.Ingress != 0 {
		attrs.Uint32(unix.RTA_IIF, uint32(l.Ingress))
	}
	if l.Protocol != 0 {
		attrs.Uint8(unix.RTA_IP_PROTO, l.Protocol)
	}
	for _, port := range []struct {
		kind  uint16
		value uint16
	}{{unix.RTA_SPORT, l.SourcePort}, {unix.RTA_DPORT, l.DestinationPort}} {
		if port.value != 0 {
			attrs.Bytes(port.kind, []byte{byte(port.value >> 8), byte(port.value)})
		}
	}
	options, err := attrs.Encode()
	return append(body, options...), err
}

// refusalText says what a refusal of the kernel's routing means; empty if the
// error is none.
func refusalText(err error) string {
	for _, r := range []struct {
		errno error
		text  string
	}{
		{unix.ENETUNREACH, "unreachable: no route"},
		{unix.EHOSTUNREACH, "unreachable"},
		{unix.EACCES, "prohibited"},
		{unix.EINVAL, "refused: blackhole, rp_filter, or an address that no router takes"},
		{unix.EXDEV, "refused: rp_filter"}, // before Linux 6.14
	} {
		if errors.Is(err, r.errno) {
			return r.text
		}
	}
	return ""
}
