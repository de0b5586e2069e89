// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"clearway/dataplane"
)

// martians are the prefixes that no router forwards from or to.
var martians = []string{
	"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "fe80::/10", "ff00::/8", "::ffff:0.0.0.0/96",
}

// Martians returns the classes that hold on every machine.
func Martians() map[netip.Prefix]dataplane.Class {
	classes := map[netip.Prefix]dataplane.Class{}
	for _, s := range martians {
		classes[netip.MustParsePrefix(s)] = dataplane.NotSource | dataplane.NotDestination
	}
	return classes
}

// GenState makes a random state of the router: L3 interfaces as in the
// topology but for their flags, and classes, MSS rules and options.
func GenState(r *rand.Rand, t *Topology) dataplane.State {
	s := dataplane.State{
		Ports:   slices.Clone(t.Ports),
		L3:      slices.Clone(t.L3),
		Classes: genClasses(r, t),
		Options: dataplane.Options{
			DryRun:  chance(r, 10),
			Hairpin: chance(r, 20),
			Policy4: chance(r, 5),
			Policy6: chance(r, 5),
		},
	}
	for i := range s.L3 {
		l3 := &s.L3[i]
		l3.Forward4 = l3.Forward4 && !chance(r, 5)
		l3.Forward6 = l3.Forward6 && !chance(r, 5)
		l3.Up = l3.Up && !chance(r, 3)
		l3.RedirectNative = l3.RedirectNative && !chance(r, 3)
		if chance(r, 40) {
			l3.RPFilter = pick(r, dataplane.RPFilterLoose, dataplane.RPFilterStrict)
		}
	}
	if chance(r, 60) {
		s.MSS = genMSS(r, t)
	}
	genServices(r, t, &s)
	return s
}

func genClasses(r *rand.Rand, t *Topology) map[netip.Prefix]dataplane.Class {
	classes := Martians()
	for _, a := range t.Local {
		classes[netip.PrefixFrom(a, a.BitLen())] |= dataplane.Local
	}
	for _, route := range t.FIB.Routes {
		if route.Type != LocalRoute && chance(r, 85) {
			classes[route.Prefix] |= dataplane.Allow
		}
	}
	for range r.IntN(12) {
		class := pick(r, dataplane.Block, dataplane.Exception, dataplane.NoException, dataplane.Allow)
		classes[genPrefix(r, t)] |= class
	}
	return classes
}

func genMSS(r *rand.Rand, t *Topology) []dataplane.MSSRule {
	var rules []dataplane.MSSRule
	for range 1 + r.IntN(4) {
		rule := dataplane.MSSRule{MSS: uint16(88 + r.IntN(1500))}
		if chance(r, 50) {
			rule.Egress = pick(r, t.L3...).Ifindex
		}
		if chance(r, 50) {
			rule.Prefix = genPrefix(r, t)
		}
		rules = append(rules, rule)
	}
	return rules
}

// genPrefix makes one around an address that frames come from or go to.
func genPrefix(r *rand.Rand, t *Topology) netip.Prefix {
	a := genHost(r, t)
	bits := a.BitLen() - r.IntN(a.BitLen()/2)
	if chance(r, 5) {
		bits = 0
	}
	return netip.PrefixFrom(a, bits).Masked()
}

func genHost(r *rand.Rand, t *Topology) netip.Addr {
	if chance(r, 20) {
		return pick(r, t.Odd...)
	}
	return pick(r, t.Hosts[pick(r, t.L3...).Ifindex]...)
}

// chance is true in percent of cases.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
