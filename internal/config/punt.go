// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"strconv"
)

// punt checks each rule, and them against each other and the services.
func (v *validator) punt(list []rawPuntRule, taken claims) []PuntRule {
	var out []PuntRule
	lines := map[string]int{} // of names
	first := firstPorts(taken)
	for _, c := range list {
		before := v.errors
		rule, sound := v.puntRule(c, lines)
		if sound {
			v.claimPunt(taken, first, endpoint{rule.Address, rule.Protocol, rule.Port}, c.port.place)
		}
		if !c.broken && v.errors == before {
			out = append(out, rule)
		}
	}
	return out
}

// puntRule checks a rule by itself, and whether another has its name. sound says
// that what it answers to is clear.
func (v *validator) puntRule(c rawPuntRule, lines map[string]int) (rule PuntRule, sound bool) {
	const path = "punt[]"
	rule.Name = v.name(path+".name", "punt rule", c.name, lines)
	before := v.errors
	rule.Protocol = v.protocol(path+".protocol", c.protocol)
	if c.address != nil {
		rule.Address, _ = v.address(path+".address", *c.address)
	}
	rule.Port = v.portOrAny(path+".port", c.port)
	return rule, v.errors == before && c.protocol != nil && c.address != nil && c.port != nil
}

// claimPunt gives an endpoint to a rule, or reports that it can't have it.
func (v *validator) claimPunt(taken claims, first map[endpoint]endpoint, e endpoint, at place) {
	one, mixed := first[e]
	if !mixed {
		v.claim(taken, "punt rule", e, at)
		return
	}
	v.errorf(at, "%v includes port %d, which belongs to the service on line %d, and no packet would get there; "+
		"give the rule one port, or take the port out of the service", e, one.port, taken[one].line)
}

// portOrAny is a port, or 0 for any.
func (v *validator) portOrAny(path string, value *item[string]) uint16 {
	if value == nil || value.value == "any" {
		return 0
	}
	port, err := strconv.ParseUint(value.value, 10, 16)
	if err != nil || port == 0 {
		v.errorf(value.place, "%s must be from 1 to 65535, or any; not %s", path, quote(value.value))
		return 0
	}
	return uint16(port)
}

// firstPorts finds, for endpoints of any port, the first port that a service names
// there.
func firstPorts(services claims) map[endpoint]endpoint {
	first := map[endpoint]endpoint{}
	for e, service := range services {
		if e.port == 0 {
			continue
		}
		all := endpoint{e.address, e.protocol, 0}
		other, more := first[all]
		if !more || cmp.Or(cmp.Compare(service.line, services[other].line), cmp.Compare(e.port, other.port)) < 0 {
			first[all] = e
		}
	}
	return first
}
