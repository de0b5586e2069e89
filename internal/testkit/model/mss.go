// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// mss is that of the best rule for the packet, 0 if none matches.
func (m *Model) mss(p *packet) uint16 {
	var best *dataplane.MSSRule
	for i := range m.State.MSS {
		rule := &m.State.MSS[i]
		if matches(rule, p) && (best == nil || better(rule, best)) {
			best = rule
		}
	}
	if best == nil {
		return 0
	}
	return best.MSS
}

func matches(rule *dataplane.MSSRule, p *packet) bool {
	if rule.Egress != 0 && rule.Egress != p.egress.Ifindex {
		return false
	}
	return !rule.Prefix.IsValid() || rule.Prefix.Contains(p.src) || rule.Prefix.Contains(p.dst)
}

// better: the longer prefix, any before none; then with egress before without;
// then the lower value. Bits of no prefix are -1.
func better(a, b *dataplane.MSSRule) bool {
	if a.Prefix.Bits() != b.Prefix.Bits() {
		return a.Prefix.Bits() > b.Prefix.Bits()
	}
	if (a.Egress != 0) != (b.Egress != 0) {
		return a.Egress != 0
	}
	return a.MSS < b.MSS
}

// clamp lowers the MSS option in a TCP segment with SYN set, and corrects the
// checksum. The first MSS option counts; a header or option that lies before
// it is left alone, and so is a header that ends behind the segment. The fixed
// header and the MSS option must be in the first reach bytes: the linear part.
func clamp(segment []byte, reach int, mss uint16) {
	if min(len(segment), reach) < 20 || segment[13]&testkit.SYN == 0 {
		return
	}
	end := int(segment[12]>>4) * 4
	if end > len(segment) {
		return
	}
	for at := 20; at < end; {
		switch segment[at] {
		case 0:
			return
		case 1:
			at++
			continue
		}
		if at+2 > end {
			return
		}
		size := int(segment[at+1])
		if size < 2 || at+size > end {
			return
		}
		if segment[at] == 2 {
			if size == 4 && at+4 <= reach && binary.BigEndian.Uint16(segment[at+2:]) > mss {
				lower(segment, at+2, mss)
			}
			return
		}
		at += size
	}
}

// lower writes a value at any offset and corrects the checksum by equation 3
// of RFC 1624, over the aligned words that it touches.
func lower(segment []byte, at int, value uint16) {
	sum := uint32(^binary.BigEndian.Uint16(segment[16:]))
	first, last := at&^1, (at+1)&^1
	for w := first; w <= last; w += 2 {
		sum += uint32(^binary.BigEndian.Uint16(segment[w:]))
	}
	binary.BigEndian.PutUint16(segment[at:], value)
	for w := first; w <= last; w += 2 {
		sum += uint32(binary.BigEndian.Uint16(segment[w:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(segment[16:], ^uint16(sum))
}
