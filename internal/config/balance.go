// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"net/netip"
	"strconv"
)

// The defaults of the balance lane that are no zero values, but for those of a
// service.
const (
	defaultGUEPort  = 6080
	defaultICMPRate = 1000
)

// Outer sources by default: private addresses, and the IPv6 prefix for packets
// that nobody answers (RFC 6666).
var (
	defaultSource4 = netip.MustParsePrefix("172.16.0.0/16")
	defaultSource6 = netip.MustParsePrefix("100::/96")
)

// balance checks the balance lane, whose services take what they answer to.
func (v *validator) balance(c rawBalance, limits Limits, taken claims) Balance {
	return Balance{
		OuterMap: v.choice("balance.outer-map", c.outerMap, "array", "array", "hash"),
		Seed:     v.seed("balance.seed", c.seed),
		Source4:  v.source("balance.source4", "IPv4", c.source4, defaultSource4),
		Source6:  v.source("balance.source6", "IPv6", c.source6, defaultSource6),
		GUEPort:  uint16(v.number("balance.gue-port", c.guePort, defaultGUEPort, 1, 65535)),
		ICMPRate: v.number("balance.icmp-rate", c.icmpRate, defaultICMPRate, 1, 1_000_000),
		Services: v.services(c.services, limits, taken),
	}
}

// seed has 64 bits, one more than other numbers.
func (v *validator) seed(path string, value *item[string]) uint64 {
	if value == nil {
		return 0
	}
	seed, err := strconv.ParseUint(value.value, 10, 64)
	if err != nil {
		v.errorf(value.place, "%s must be a whole number from 0 to %d; not %s", path, uint64(math.MaxUint64), quote(value.value))
	}
	return seed
}

// source checks a prefix of outer sources. The bits beyond its length differ
// from flow to flow.
func (v *validator) source(path, family string, value *item[string], otherwise netip.Prefix) netip.Prefix {
	if value == nil {
		return otherwise
	}
	p, ok := v.prefix(path, *value)
	if !ok {
		return otherwise
	}
	const few = 8 // bits
	free := p.Addr().BitLen() - p.Bits()
	switch {
	case p.Addr().BitLen() != otherwise.Addr().BitLen():
		v.errorf(value.place, "%s must be a prefix of %s, not %s", path, family, p)
		return otherwise
	case free < 1:
		v.errorf(value.place, "%s %s is a single address; receivers spread flows by it, so make it at most /%d",
			path, p, p.Addr().BitLen()-few)
		return otherwise
	}
	for _, end := range []netip.Addr{p.Addr(), lastOf(p)} {
		if what := notUnicast(end); what != "" {
			v.errorf(value.place, "%s %s contains %s, which is %s; no packet can come from there", path, p, end, what)
			return otherwise
		}
	}
	if free < few {
		v.warnf(value.place, "%s %s has %d addresses, by which receivers spread flows unevenly; make it at most /%d",
			path, p, 1<<free, p.Addr().BitLen()-few)
	}
	return p
}

// services checks each service, and them against each other.
func (v *validator) services(list []rawService, limits Limits, taken claims) []Service {
	var out []Service
	lines := map[string]int{} // of names
	backends, crowded := 0, place{}
	for _, c := range list {
		before := v.errors
		s := v.service(c, lines, taken)
		if backends += len(c.backends); backends > limits.Backends && crowded == (place{}) {
			crowded = c.place
		}
		if c.broken || v.errors > before {
			continue
		}
		v.oddities(c, s)
		out = append(out, s)
	}
	if len(list) > limits.Services {
		v.tooMany(list[limits.Services].place, len(list), "services", "services", limits.Services)
	}
	if backends > limits.Backends {
		v.tooMany(crowded, backends, "backends of all services", "backends", limits.Backends)
	}
	return out
}
