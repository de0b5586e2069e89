// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// features are those offloads of a device that matter here.
type features struct {
	rxVLAN     bool // rx-vlan-hw-parse
	rxVLANSet  bool // which can be switched
	txVLAN     bool // tx-vlan-hw-insert
	lro        bool // rx-lro
	rxChecksum bool // rx-checksum
	txChecksum bool // any tx-checksum-…
}

// ethSSFeatures is ETH_SS_FEATURES: the string set of feature names.
const ethSSFeatures = 4

const rxVLANFeature = "rx-vlan-hw-parse" // rx-vlan-offload, or rxvlan, to ethtool

// ethtool is a socket to the kernel's ethtool family (5.6).
type ethtool struct {
	conn   *genetlink.Conn
	family genetlink.Family
}

// dialEthtool opens a socket in the namespace that a descriptor names, or in
// that of the calling thread if it is 0.
func dialEthtool(netns int) (*ethtool, error) {
	conn, err := genetlink.Dial(&netlink.Config{NetNS: netns, Strict: true})
	if err != nil {
		return nil, fmt.Errorf("opening a generic netlink socket: %w", err)
	}
	family, err := conn.GetFamily(unix.ETHTOOL_GENL_NAME)
	if err != nil {
		conn.Close()
		if errors.Is(err, os.ErrNotExist) {
			return nil, errors.New("this kernel has no ethtool netlink family: it needs CONFIG_ETHTOOL_NETLINK")
		}
		return nil, fmt.Errorf("finding the ethtool netlink family: %w", err)
	}
	return &ethtool{conn: conn, family: family}, nil
}

func (e *ethtool) close() { e.conn.Close() }

func (e *ethtool) execute(command uint8, flags netlink.HeaderFlags, attrs func(*netlink.AttributeEncoder)) ([]genetlink.Message, error) {
	encoder := netlink.NewAttributeEncoder()
	attrs(encoder)
	data, err := encoder.Encode()
	if err != nil {
		return nil, err
	}
	return e.conn.Execute(genetlink.Message{
		Header: genetlink.Header{Command: command, Version: unix.ETHTOOL_GENL_VERSION},
		Data:   data,
	}, e.family.ID, netlink.Request|flags)
}

// features reads the active features of all devices, by ifindex.
func (e *ethtool) features() (map[int]features, error) {
	names, err := e.featureNames()
	if err != nil {
		return nil, fmt.Errorf("reading feature names: %w", err)
	}
	// Bit sets come as words instead of lists of names: far shorter.
	messages, err := e.execute(unix.ETHTOOL_MSG_FEATURES_GET, netlink.Dump, func(attrs *netlink.AttributeEncoder) {
		attrs.Nested(unix.ETHTOOL_A_FEATURES_HEADER, func(header *netlink.AttributeEncoder) error {
			header.Uint32(unix.ETHTOOL_A_HEADER_FLAGS, unix.ETHTOOL_FLAG_COMPACT_BITSETS)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading device features: %w", err)
	}
	all := make(map[int]features, len(messages))
	for _, m := range messages {
		index, f, err := decodeFeatures(m.Data, names)
		if err != nil {
			return nil, fmt.Errorf("reading device features: %w", err)
		}
		all[index] = f
	}
	return all, nil
}

// featureNames reads what the bits of a feature set mean on this kernel.
func (e *ethtool) featureNames() (map[uint32]string, error) {
	messages, err := e.execute(unix.ETHTOOL_MSG_STRSET_GET, 0, func(attrs *netlink.AttributeEncoder) {
		attrs.Nested(unix.ETHTOOL_A_STRSET_HEADER, func(*netlink.AttributeEncoder) error { return nil }) // of no device
		attrs.Nested(unix.ETHTOOL_A_STRSET_STRINGSETS, func(sets *netlink.AttributeEncoder) error {
			sets.Nested(unix.ETHTOOL_A_STRINGSETS_STRINGSET, func(set *netlink.AttributeEncoder) error {
				set.Uint32(unix.ETHTOOL_A_STRINGSET_ID, ethSSFeatures)
				return nil
			})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	names := make(map[uint32]string)
	for _, m := range messages {
		attrs, err := netlink.NewAttributeDecoder(m.Data)
		if err != nil {
			return nil, err
		}
		descend(attrs, func(one *netlink.AttributeDecoder) error {
			var index uint32
			for one.Next() {
				switch one.Type() {
				case unix.ETHTOOL_A_STRING_INDEX:
					index = one.Uint32()
				case unix.ETHTOOL_A_STRING_VALUE:
					names[index] = one.String()
				}
			}
			return nil
		}, unix.ETHTOOL_A_STRSET_STRINGSETS, unix.ETHTOOL_A_STRINGSETS_STRINGSET,
			unix.ETHTOOL_A_STRINGSET_STRINGS, unix.ETHTOOL_A_STRINGS_STRING)
		if err := attrs.Err(); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// descend calls fn with the content of every attribute at the end of a path of
// nested ones.
func descend(attrs *netlink.AttributeDecoder, fn func(*netlink.AttributeDecoder) error, path ...uint16) {
	for attrs.Next() {
		if attrs.Type() != path[0] {
			continue
		}
		attrs.Nested(func(inner *netlink.AttributeDecoder) error {
			if len(path) == 1 {
				return fn(inner)
			}
			descend(inner, fn, path[1:]...)
			return nil
		})
	}
}

// decodeFeatures decodes a reply about one device.
func decodeFeatures(b []byte, names map[uint32]string) (index int, f features, err error) {
	attrs, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return 0, f, err
	}
	for attrs.Next() {
		switch attrs.Type() {
		case unix.ETHTOOL_A_FEATURES_HEADER:
			attrs.Nested(func(header *netlink.AttributeDecoder) error {
				for header.Next() {
					if header.Type() == unix.ETHTOOL_A_HEADER_DEV_INDEX {
						index = int(header.Uint32())
					}
				}
				return nil
			})
		case unix.ETHTOOL_A_FEATURES_HW:
			attrs.Nested(func(set *netlink.AttributeDecoder) error {
				f.rxVLANSet = featuresOf(set, names).rxVLAN
				return nil
			})
		case unix.ETHTOOL_A_FEATURES_ACTIVE:
			attrs.Nested(func(set *netlink.AttributeDecoder) error {
				settable := f.rxVLANSet // came before
				f = featuresOf(set, names)
				f.rxVLANSet = settable
				return nil
			})
		}
	}
	return index, f, attrs.Err()
}

// featuresOf reads a bit set: 32-bit words, the lowest bit first.
func featuresOf(set *netlink.AttributeDecoder, names map[uint32]string) (f features) {
	var words []byte
	for set.Next() {
		if set.Type() == unix.ETHTOOL_A_BITSET_VALUE {
			words = set.Bytes()
		}
	}
	for bit, name := range names {
		at := int(bit/32) * 4
		if at+4 > len(words) || nativeUint32(words[at:])>>(bit%32)&1 == 0 {
			continue
		}
		switch {
		case name == "tx-vlan-hw-insert":
			f.txVLAN = true
		case name == rxVLANFeature:
			f.rxVLAN = true
		case name == "rx-lro":
			f.lro = true
		case name == "rx-checksum":
			f.rxChecksum = true
		case strings.HasPrefix(name, "tx-checksum-"):
			f.txChecksum = true
		}
	}
	return f
}
