// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"

	"clearway/dataplane"
)

// notForwardable are the prefixes that a router forwards neither from nor to.
// Some are wider than what Linux drops: that is Linux's to decide.
var notForwardable = parsePrefixes(
	"0.0.0.0/8",         // this network (RFC 791)
	"127.0.0.0/8",       // loopback (RFC 1122)
	"169.254.0.0/16",    // link-local (RFC 3927)
	"224.0.0.0/4",       // multicast (RFC 5771)
	"240.0.0.0/4",       // reserved, and limited broadcast (RFC 1112)
	"::/128",            // unspecified (RFC 4291)
	"::1/128",           // loopback
	"::ffff:0.0.0.0/96", // IPv4-mapped
	"fe80::/10",         // link-local
	"ff00::/8",          // multicast
)

func parsePrefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// classes plans what is known of addresses.
func (b *builder) classes() map[netip.Prefix]dataplane.Class {
	classes := make(map[netip.Prefix]dataplane.Class)
	add := func(class dataplane.Class, prefixes []netip.Prefix) {
		for _, p := range prefixes {
			classes[p.Masked()] |= class
		}
	}
	add(dataplane.Allow, b.config.Forward.Allow)
	add(dataplane.Block, b.config.Forward.Block)
	add(dataplane.NotSource|dataplane.NotDestination, notForwardable)
	add(dataplane.Local, b.view.Local)
	add(dataplane.NotSource, b.view.Broadcast)
	for _, e := range b.view.Exceptions {
		class := dataplane.NoException
		if e.Exception {
			class = dataplane.Exception
		}
		classes[e.Prefix] |= class
	}
	return classes
}
