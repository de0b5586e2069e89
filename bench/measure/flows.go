// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
)

// The addresses of the lab: see README.md for a picture.
var (
	source4 = netip.MustParseAddr("192.0.2.2")
	source6 = netip.MustParseAddr("fd00:1::2")
	allow4  = netip.MustParsePrefix("10.0.0.0/12")
	allow6  = netip.MustParsePrefix("2001:db8::/44")
)

// routes is how many prefixes of either family lead to the sink.
const routes = 10

func route4(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)
}

func route6(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(i)}), 48)
}

// unused are networks whose addresses are no sensible destination: those that
// no router forwards to, and the lab's own.
var unused = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"),
	allow4,
}

// scattered are n different /24 anywhere in the unicast space.
func scattered(r *rand.Rand, n int) []netip.Prefix {
	seen := map[netip.Prefix]bool{}
	var out []netip.Prefix
	for len(out) < n {
		p := netip.PrefixFrom(randomAddress(r), 24).Masked()
		if !seen[p] && !contained(unused, p.Addr()) {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// allowedFlows4 are destinations that are spread evenly over the routes.
func allowedFlows4(r *rand.Rand, n int) []netip.Addr {
	var out []netip.Addr
	for i := range n {
		a := route4(i % routes).Addr().As4()
		binary.BigEndian.PutUint16(a[2:], uint16(r.Uint32()))
		out = append(out, netip.AddrFrom4(a))
	}
	return out
}

// missedFlows4 are random destinations in none of the given prefixes.
func missedFlows4(r *rand.Rand, n int, allowed []netip.Prefix) []netip.Addr {
	in24 := map[netip.Addr]bool{}
	for _, p := range allowed {
		in24[p.Addr()] = true
	}
	var out []netip.Addr
	for len(out) < n {
		a := randomAddress(r)
		if !in24[netip.PrefixFrom(a, 24).Masked().Addr()] && !contained(unused, a) {
			out = append(out, a)
		}
	}
	return out
}

// flows6 are destinations that differ in their second word only, half of which
// chooses the route: below allow6 or not.
func flows6(r *rand.Rand, n int, allowed bool) []netip.Addr {
	var out []netip.Addr
	for i := range n {
		a := route6(i % routes).Addr().As16()
		if !allowed {
			a[4] = 1
		}
		binary.BigEndian.PutUint16(a[6:], uint16(r.Uint32()))
		a[15] = 1
		out = append(out, netip.AddrFrom16(a))
	}
	return out
}

func randomAddress(r *rand.Rand) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], r.Uint32())
	return netip.AddrFrom4(a)
}

func contained(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
