// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"
	"strings"
	"time"
)

// isName tells whether s is a name of letters, digits, dots, hyphens and
// underscores, at most longest bytes.
func isName(s string, longest int) bool {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, foreign)
}

// duration is written with its units, as Go does.
func (v *validator) duration(path string, value *item[string], otherwise, least, most time.Duration) time.Duration {
	if value == nil {
		return otherwise
	}
	d, err := time.ParseDuration(value.value)
	switch {
	case err != nil:
		v.errorf(value.place, "%s must be a time with its unit, as in 500ms, 10s or 6m; not %s", path, quote(value.value))
	case d < least || d > most:
		v.errorf(value.place, "%s must be from %s to %s", path, plain(least), plain(most))
	default:
		return d
	}
	return otherwise
}

// plain is how an operator would write d: 6m, not 6m0s.
func plain(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// address parses an address that packets can be sent to through routers.
func (v *validator) address(path string, text item[string]) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text.value)
	switch {
	case err != nil:
		v.errorf(text.place, "%s: %s is no IP address; write it as in 192.0.2.1 or 2001:db8::1", path, quote(text.value))
	case a.Zone() != "":
		v.errorf(text.place, "%s: %s has a zone; take an address that holds on every link", path, quote(text.value))
	case a.Is4In6():
		v.errorf(text.place, "%s: %s is IPv4 written as IPv6; write it as %s", path, quote(text.value), a.Unmap())
	case notUnicast(a) != "":
		v.errorf(text.place, "%s %s is %s; take a unicast address that routers know", path, a, notUnicast(a))
	default:
		return a, true
	}
	return netip.Addr{}, false
}

// notUnicast names what kind of address a is that can't be that of a host
// beyond a router; "" when it can.
func notUnicast(a netip.Addr) string {
	switch {
	case a.IsUnspecified():
		return "the unspecified address"
	case a.IsMulticast():
		return "a multicast address"
	case a.IsLoopback():
		return "a loopback address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "the broadcast address"
	case a.Is4() && a.As4()[0] == 0:
		return "an address of 0.0.0.0/8"
	}
	return ""
}

// lastOf is the highest address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b) // 4 or 16 bytes
	return last
}
