// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// addServices works out the registry of a state, and with it what the prefix
// table says. changed are the prefixes whose classes are not those of the present
// image, nil if unknown.
func (im *image) addServices(s State, present *image, size sizes, now time.Duration, changed []netip.Prefix) error {
	next, err := present.registry.advance(s, im.numbers.devices, size, now)
	if err != nil {
		return err
	}
	if err := next.addAddresses(&present.registry, s.Punt, size, im.lists); err != nil {
		return err
	}
	if changed != nil { // it stays so, even if there is none: nil would be all
		changed = append(slices.Clip(changed), changedPrefixes(present.registry.prefixes, next.prefixes)...)
	}
	im.registry = *next
	if len(changed) > fewChanged {
		changed = nil
	}
	im.prefixes = present.prefixes
	if im.prefixes == nil {
		im.prefixes = composition{}
	}
	im.edits = im.prefixes.compose(known{s.Classes, im.lists, im.registry.prefixes}, changed)
	return nil
}

// balanceSettings are what all services share.
func balanceSettings(b Balance) pipelineBalanceSettings {
	settings := pipelineBalanceSettings{GuePort: uint32(b.GUEPort), IcmpRate: uint32(b.ICMPRate)}
	if p := b.Source4; p.IsValid() {
		settings.Source4, settings.Source4Hosts = wireWords(p.Masked().Addr())[0], hostBits(p)
	}
	if p := b.Source6; p.IsValid() {
		settings.Source6, settings.Source6Hosts = wireWords(p.Masked().Addr()), hostBits(p)
	}
	return settings
}

// hostBits are those of the last 32 of an address that a prefix leaves open, in
// network byte order.
func hostBits(p netip.Prefix) uint32 {
	open := min(p.Addr().BitLen()-p.Bits(), 32)
	mask := uint32(1<<open - 1)
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, mask))
}
