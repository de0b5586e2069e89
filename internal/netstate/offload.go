// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// SetVLANOffload switches rx-vlan-hw-parse of a device on or off: whether the
// device takes VLAN tags off frames before XDP sees them. The error wraps
// [fs.ErrNotExist] if there is no such device, and says so if the driver
// refuses.
func SetVLANOffload(ifindex int, on bool) error {
	e, err := dialEthtool(0)
	if err != nil {
		return err
	}
	defer e.close()
	_, err = e.execute(unix.ETHTOOL_MSG_FEATURES_SET, netlink.Acknowledge, func(attrs *netlink.AttributeEncoder) {
		attrs.Nested(unix.ETHTOOL_A_FEATURES_HEADER, func(header *netlink.AttributeEncoder) error {
			header.Uint32(unix.ETHTOOL_A_HEADER_DEV_INDEX, uint32(ifindex))
			header.Uint32(unix.ETHTOOL_A_HEADER_FLAGS, unix.ETHTOOL_FLAG_OMIT_REPLY)
			return nil
		})
		attrs.Nested(unix.ETHTOOL_A_FEATURES_WANTED, func(set *netlink.AttributeEncoder) error {
			set.Nested(unix.ETHTOOL_A_BITSET_BITS, func(bits *netlink.AttributeEncoder) error {
				bits.Nested(unix.ETHTOOL_A_BITSET_BITS_BIT, func(bit *netlink.AttributeEncoder) error {
					bit.String(unix.ETHTOOL_A_BITSET_BIT_NAME, rxVLANFeature)
					bit.Flag(unix.ETHTOOL_A_BITSET_BIT_VALUE, on)
					return nil
				})
				return nil
			})
			return nil
		})
	})
	if errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("device %d: %w", ifindex, fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("device %d: setting %s: %w", ifindex, rxVLANFeature, err)
	}
	// The kernel answers with success even if the driver refused.
	all, err := e.features()
	if err != nil {
		return err
	}
	if all[ifindex].rxVLAN != on {
		return fmt.Errorf("device %d: the driver doesn't let %s be switched", ifindex, rxVLANFeature)
	}
	return nil
}
