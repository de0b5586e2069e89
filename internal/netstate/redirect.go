// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// The netdev family (Linux 6.3), from include/uapi/linux/netdev.h.
const (
	netdevFamily      = "netdev"
	netdevVersion     = 1
	netdevGroup       = "mgmt"
	netdevCmdDevGet   = 1
	netdevIfindex     = 1
	netdevXDPFeatures = 3

	xdpNDOXmit   = 1 << 2 // NETDEV_XDP_ACT_NDO_XMIT
	xdpRXSG      = 1 << 5 // NETDEV_XDP_ACT_RX_SG
	xdpNDOXmitSG = 1 << 6 // NETDEV_XDP_ACT_NDO_XMIT_SG
)

// xdpFeatures reads what the drivers can do with XDP now, by ifindex; ok is
// false before Linux 6.3, which doesn't say.
func xdpFeatures() (byIndex map[int]uint64, ok bool, err error) {
	conn, err := genetlink.Dial(&netlink.Config{Strict: true})
	if err != nil {
		return nil, false, fmt.Errorf("opening a generic netlink socket: %w", err)
	}
	defer conn.Close()
	family, err := conn.GetFamily(netdevFamily)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("finding the netdev netlink family: %w", err)
	}
	messages, err := conn.Execute(genetlink.Message{
		Header: genetlink.Header{Command: netdevCmdDevGet, Version: netdevVersion},
	}, family.ID, netlink.Request|netlink.Dump)
	if err != nil {
		return nil, false, fmt.Errorf("reading XDP features: %w", err)
	}
	byIndex = make(map[int]uint64, len(messages))
	for _, m := range messages {
		index, bits, err := decodeXDPFeatures(m.Data)
		if err != nil {
			return nil, false, fmt.Errorf("reading XDP features: %w", err)
		}
		byIndex[index] = bits
	}
	return byIndex, true, nil
}

func decodeXDPFeatures(b []byte) (index int, bits uint64, err error) {
	attrs, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return 0, 0, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case netdevIfindex:
			index = int(attrs.Uint32())
		case netdevXDPFeatures:
			bits = attrs.Uint64()
		}
	}
	return index, bits, attrs.Err()
}

// redirectDrivers have an ndo_xdp_xmit in Linux 5.10 or soon after, which
// works while they hold an XDP program themselves. For kernels that don't say.
var redirectDrivers = map[string]bool{
	"bnxt_en": true, "ena": true, "i40e": true, "ice": true, "igb": true, "igc": true, "ixgbe": true,
	"mlx5_core": true, "mvneta": true, "mvpp2": true, "qede": true, "sfc": true, "virtio_net": true,
}

// redirectFallback says whether a device takes native redirects on a kernel
// that doesn't tell. A veth does while its peer holds a native program: only
// then has the peer a ring for such frames. Hardware does while it holds one
// itself: only then has it a queue to send them by.
func redirectFallback(d, peer *device) bool {
	switch d.Type {
	case "veth":
		return peer != nil && peer.nativeXDP
	case "tun":
		return true
	case "":
		return redirectDrivers[d.Driver] && d.nativeXDP
	}
	return false
}
