// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/netip"

	"clearway/dataplane"
)

// forward checks the forward lane. limit is what limits.allow came from, nil
// for the default.
func (v *validator) forward(c rawForward, limits Limits, limit *item[int]) Forward {
	allow := v.prefixes("forward.allow", c.allow)
	block := v.prefixes("forward.block", c.block)
	if sum := len(allow) + len(block); sum > limits.Allow {
		where := c.place
		if limit != nil {
			where = limit.place
		}
		v.errorf(where, "forward.allow and forward.block hold %d prefixes, but limits.allow is %d; raise it to at least %d",
			sum, limits.Allow, sum)
	}
	v.overlaps(allow, block)
	v.fib(c.fib)
	clamps := v.mssClamps(c.mssClamp)
	return Forward{
		Allow: bare(allow), Block: bare(block),
		DryRun: isSet(c.dryRun), Hairpin: isSet(c.hairpin),
		MSSClamp: clamps,
	}
}

// fib accepts the one source of routes that is built.
func (v *validator) fib(value *item[string]) {
	switch choice := v.choice("forward.fib", value, "kernel", "kernel", "own", "compare"); choice {
	case "own", "compare":
		v.errorf(value.place, "forward.fib: %s is not built yet; use kernel", choice)
	}
}

func (v *validator) mssClamps(list []rawMSSClamp) []MSSClamp {
	type match struct {
		egress string
		prefix netip.Prefix
	}
	first := map[match]int{} // → line
	var out []MSSClamp
	var places []place
	for _, c := range list {
		before := v.errors
		// TCP_MIN_MSS of include/net/tcp.h; the largest packet less its headers.
		mss := v.number("forward.mss-clamp[].mss", c.mss, 0, 88, 65495)
		var m match
		if c.egress != nil && v.interfaceName("forward.mss-clamp[].egress", c.egress) {
			m.egress = c.egress.value
		}
		if c.prefix != nil {
			m.prefix, _ = v.prefix("forward.mss-clamp[].prefix", *c.prefix)
		}
		if c.broken || v.errors > before {
			continue
		}
		if line, twice := first[m]; twice {
			v.errorf(c.place, "the mss-clamp on line %d has the same egress and prefix; only one can hold", line)
			continue
		}
		first[m] = c.line
		out = append(out, MSSClamp{MSS: uint16(mss), Egress: m.egress, Prefix: m.prefix})
		places = append(places, c.place)
	}
	v.mssCrowd(out, places)
	return out
}

// mssCrowd refuses more rules for an address than the data path can try: for
// the addresses of some rule's prefix, those of all prefixes around count.
func (v *validator) mssCrowd(clamps []MSSClamp, places []place) {
	if len(clamps) <= dataplane.MaxMSSRules {
		return
	}
	for i, c := range clamps {
		n := 0
		for _, around := range clamps {
			if !around.Prefix.IsValid() || c.Prefix.IsValid() &&
				around.Prefix.Bits() <= c.Prefix.Bits() && around.Prefix.Contains(c.Prefix.Addr()) {
				n++
			}
		}
		if n > dataplane.MaxMSSRules {
			v.errorf(places[i], "%d rules of mss-clamp apply to the same addresses; at most %d can", n, dataplane.MaxMSSRules)
			return
		}
	}
}
